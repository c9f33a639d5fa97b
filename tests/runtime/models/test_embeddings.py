"""Embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from aiohttp import web

from steward_loopback import LoopbackServer
from steward_model_server import ModelServer
from steward_runtime.errors import ModelAnswerBroken, ModelError, ModelUnavailable
from steward_runtime.models.embeddings import BATCH_MAX, OpenAIEmbeddings
from steward_runtime.models.errors import ModelMisconfigured
from steward_runtime.models.openai_chat import ChatPlumbing
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.routes import Endpoint


class Broken(LoopbackServer):
    """Answers one status and body, whatever is asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self._answer = (status, body)

    def build_app(self) -> web.Application:
        """Return the application."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=self._answer[0], body=self._answer[1])

        app = web.Application()
        app.router.add_post("/v1/embeddings", answer)
        return app


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Run the scripted server."""
    with ModelServer() as running:
        yield running


async def _embed(port: int, *texts: str) -> tuple[tuple[float, ...], ...]:
    async with open_session([Endpoint("127.0.0.1", port)]) as session:
        plumbing = ChatPlumbing(session, f"http://127.0.0.1:{port}/v1", None, dict, dict)
        return await OpenAIEmbeddings("emb", "e5", plumbing, 5).embed(texts)


async def test_gives_one_vector_per_text_in_order(server: ModelServer) -> None:
    """The server counts the letters a to h."""
    vectors = await _embed(server.port, "abba", "h")
    assert vectors == ((2, 2, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 1))


async def test_asks_in_batches(server: ModelServer) -> None:
    """More texts than one request takes become several requests."""
    texts = ["a"] * (BATCH_MAX + 1)
    assert len(await _embed(server.port, *texts)) == BATCH_MAX + 1
    assert [len(each.body["input"]) for each in server.received] == [BATCH_MAX, 1]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"", ModelUnavailable),
        (429, b"", ModelUnavailable),
        (401, b"", ModelMisconfigured),
        (200, b"marker", ModelAnswerBroken),
        (200, b'{"data": [{"embedding": "marker"}]}', ModelAnswerBroken),
        (200, b'{"data": []}', ModelAnswerBroken),
        (
            200,
            orjson.dumps({"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]}),
            ModelAnswerBroken,
        ),
    ],
)
async def test_ends_every_fault_in_one_clear_error(
    status: int, body: bytes, kind: type[ModelError]
) -> None:
    """The error names the model and quotes nothing."""
    with Broken(status, body) as broken, pytest.raises(kind, match="emb") as refusal:
        await _embed(broken.port, "text")
    assert "marker" not in refusal.value.message


async def test_says_that_a_dead_endpoint_cannot_be_reached() -> None:
    """Nobody listens on the port."""
    with pytest.raises(ModelUnavailable, match="could not be reached"):
        await _embed(9, "text")
