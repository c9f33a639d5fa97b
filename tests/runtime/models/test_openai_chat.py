"""Faults of model servers, as the adapter sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from steward_model_server import Answer, Cut, Garbage, Hang, ModelServer, Refuse, Say
from steward_permits import ask_permit_for_model, say
from steward_runtime.errors import (
    CredentialUnbound,
    ModelAnswerBroken,
    ModelError,
    ModelUnavailable,
)
from steward_runtime.models.errors import ModelMisconfigured, ModelNotAsked, ModelRefused
from steward_runtime.models.openai_chat import ChatPlumbing, OpenAIChat, parse_retry_after
from steward_runtime.models.openai_wire import WireModel
from steward_runtime.models.sse import EVENT_BYTES_MAX
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.routes import Endpoint
from steward_runtime.turn.messages import ChatDelta, ChatDone, ChatRequest, Role

MARKER = "marker-c2"
REQUEST = ChatRequest((say(Role.USER, MARKER),))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Run the scripted server."""
    with ModelServer() as running:
        yield running


@dataclass(frozen=True)
class Setting:
    """What a test varies about the adapter."""

    timeout_seconds: float = 5
    credential: Mapping[str, str] = field(default_factory=dict)
    pinned: int | None = None


async def _ask(
    server: ModelServer, answer: Answer, setting: Setting = Setting()
) -> tuple[str, ChatDone]:
    server.play([answer])
    endpoint = Endpoint("127.0.0.1", setting.pinned or server.port)
    async with open_session([endpoint]) as session:
        plumbing = ChatPlumbing(
            session,
            server.base_url,
            "models.example",
            lambda: setting.credential,
            lambda: {"traceparent": "00-t"},
        )
        model = OpenAIChat(WireModel("main", "gpt-x", 100), plumbing, setting.timeout_seconds)
        pieces = [piece async for piece in model.complete(ask_permit_for_model(), REQUEST)]
    done = pieces.pop()
    assert isinstance(done, ChatDone)
    return "".join(piece.text for piece in pieces), done


async def test_sends_credential_trace_and_logical_host(server: ModelServer) -> None:
    """Every call carries its headers."""
    await _ask(server, Say("hi"), Setting(credential={"Authorization": "Bearer t"}))
    headers = server.received[0].headers
    assert headers["authorization"] == "Bearer t"
    assert (headers["traceparent"], headers["host"]) == ("00-t", "models.example")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Refuse(429), ModelUnavailable),
        (Refuse(500), ModelUnavailable),
        (Refuse(503), ModelUnavailable),
        (Refuse(401), ModelMisconfigured),
        (Refuse(404), ModelMisconfigured),
        (Refuse(302, {"Location": "/elsewhere"}), ModelMisconfigured),
        (Refuse(400), ModelRefused),
        (Cut(), ModelAnswerBroken),
        (Cut(MARKER), ModelAnswerBroken),
        (Garbage(b"data: " + MARKER.encode() + b"\n\n"), ModelAnswerBroken),
        (Garbage(b"\x00\xff" + MARKER.encode()), ModelAnswerBroken),
        (Garbage(b""), ModelAnswerBroken),
        (Garbage(b"data: [DONE]\n\n"), ModelAnswerBroken),
        (Garbage(b"data: " + b"x" * (EVENT_BYTES_MAX + 1)), ModelAnswerBroken),
    ],
    ids=str,
)
async def test_ends_every_fault_in_one_clear_error(
    server: ModelServer, answer: Answer, kind: type[ModelError]
) -> None:
    """The error names model and host, says what happened, and quotes nothing."""
    with pytest.raises(kind) as refusal:
        await _ask(server, answer)
    assert refusal.value.message.startswith("Model main at 127.0.0.1 ")
    assert MARKER not in str(refusal.value)
    assert "scripted refusal" not in str(refusal.value)


async def test_passes_on_how_long_to_wait(server: ModelServer) -> None:
    """`Retry-After` of the endpoint reaches the client."""
    with pytest.raises(ModelUnavailable) as refusal:
        await _ask(server, Refuse(429, {"Retry-After": "17"}))
    assert refusal.value.retry_after_seconds == 17


@pytest.mark.parametrize("answer", [Hang(), Hang("half")])
async def test_gives_up_a_model_that_does_not_go_on(server: ModelServer, answer: Answer) -> None:
    """The timeout bounds the wait for the first event and for each next one."""
    with pytest.raises(ModelUnavailable, match=r"within 0\.1 seconds"):
        await _ask(server, answer, Setting(timeout_seconds=0.1))


async def test_waits_for_a_long_answer_that_goes_on(server: ModelServer) -> None:
    """An answer that takes longer than the timeout as a whole is not cut."""
    answer = Say("abcdefgh", pieces=8, pause_seconds=0.06)
    text, _ = await _ask(server, answer, Setting(timeout_seconds=0.3))
    assert text == "abcdefgh"


async def test_says_that_a_dead_endpoint_cannot_be_reached(server: ModelServer) -> None:
    """Nobody listens: the error says so and names the model."""
    dead = ModelServer()
    dead.port = 9
    with pytest.raises(ModelUnavailable, match="could not be reached"):
        await _ask(dead, Say("no"))


async def test_asks_no_host_that_the_blueprint_does_not_name(server: ModelServer) -> None:
    """A pinned connector keeps the call back; the reason is that of the connector."""
    with pytest.raises(ModelNotAsked) as refusal:
        await _ask(server, Say("no"), Setting(pinned=server.port + 1))
    assert refusal.value.reason == "HostRefused"
    assert server.received == []


async def test_asks_nothing_without_a_bound_credential(server: ModelServer) -> None:
    """A Secret that is not bound to the host keeps the call back."""

    class Refusing(Mapping[str, str]):
        def __iter__(self) -> Iterator[str]:
            raise CredentialUnbound("Secret s may not be sent there.")

        def __len__(self) -> int:
            return 1

        def __getitem__(self, key: str) -> str:
            raise KeyError(key)

    with pytest.raises(ModelNotAsked) as refusal:
        await _ask(server, Say("no"), Setting(credential=Refusing()))
    assert refusal.value.reason == "CredentialUnbound"


async def test_reads_a_server_that_does_not_stream(server: ModelServer) -> None:
    """A whole answer in place of a stream is one delta."""
    body = b'{"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}'
    text, done = await _ask(server, Garbage(b"data: " + body + b"\n\n"))
    assert (text, done.text) == ("whole", "whole")


async def test_merges_events_that_come_together(server: ModelServer) -> None:
    """Events of one network read are one delta, so that each costs little."""
    chunk = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    server.play([Garbage(chunk * 5 + end)])
    async with open_session([Endpoint("127.0.0.1", server.port)]) as session:
        plumbing = ChatPlumbing(session, server.base_url, None, dict, dict)
        model = OpenAIChat(WireModel("main", "gpt-x", 100), plumbing, 5)
        pieces = [piece async for piece in model.complete(ask_permit_for_model(), REQUEST)]
    assert pieces[0] == ChatDelta("xxxxx")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("5", 5), ("99999", 3600), ("-1", None), ("soon", None), ("1.5", None)],
)
def test_reads_retry_after_in_seconds(header: str | None, seconds: int | None) -> None:
    """Whole seconds up to an hour; anything else is no advice."""
    assert parse_retry_after(header) == seconds
