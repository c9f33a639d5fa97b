"""Around every application: routes, errors, counts and logs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from steward_runtime.clock import SystemClock
from steward_runtime.errors import NotFound, RateLimited, StewardError, Unauthorized
from steward_runtime.server.body import ClientGone
from steward_runtime.server.door import OTHER_ROUTE, Door, name_route
from steward_runtime.server.health import Readiness, build_health_routes
from steward_runtime.telemetry.metrics import Metrics

MARKER = "marker-m3"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/tasks/task_1", "/v1/tasks/{id}"),
        ("/v1/memories", "/v1/memories"),
        ("/internal/v1/purges/run_1", "/internal/v1/purges/{id}"),
        ("/internal/v1/receipts/sha256:0/cosignature", "/internal/v1/receipts/{id}/cosignature"),
        ("/readyz", "/readyz"),
        (f"/{MARKER}", OTHER_ROUTE),
        (f"/v1/tasks/a/{MARKER}", OTHER_ROUTE),
        ("/v1/tasks/a\nb", "/v1/tasks/{id}"),
    ],
)
def test_names_routes_by_their_pattern(path: str, route: str) -> None:
    """Ids and made-up paths become neither labels nor log fields."""
    assert name_route(path) == route


@given(path=st.text(max_size=40))
def test_keeps_the_number_of_routes_small(path: str) -> None:
    """Whatever is asked for, the label is one of a short list."""
    assert name_route(f"/{path}").count("/") <= 5


Handler = Callable[[Request], Awaitable[Response]]


def _raise(error: BaseException) -> Handler:
    async def handler(_: Request) -> Response:
        raise error

    return handler


async def _ask(handler: Handler, metrics: Metrics) -> httpx.Response:
    door = Door([Route("/v1/models", handler)], metrics, SystemClock().monotonic_seconds)
    transport = httpx.ASGITransport(door, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.get("/v1/models")


@pytest.mark.parametrize(
    ("error", "status", "kind", "headers"),
    [
        (Unauthorized("m"), 401, "authentication_error", {"www-authenticate": "Bearer"}),
        (NotFound("m", param="p"), 404, "not_found_error", {}),
        (RateLimited("m", retry_after_seconds=7), 429, "rate_limit_error", {"retry-after": "7"}),
        (StewardError("m"), 500, "server_error", {}),
    ],
)
async def test_answers_every_error_as_openai_would(
    error: StewardError, status: int, kind: str, headers: dict[str, str]
) -> None:
    """Status, type, code, param and headers follow the error; the refusal is counted."""
    metrics = Metrics()
    response = await _ask(_raise(error), metrics)
    shown = response.json()["error"]
    assert (response.status_code, shown["type"], shown["message"]) == (status, kind, "m")
    assert (shown["code"], shown["param"]) == (error.reason, getattr(error, "param", None))
    assert headers.items() <= dict(response.headers).items()
    assert f'reason="{error.reason}"'.encode() in metrics.render()
    assert f'route="/v1/models",status="{status}"'.encode() in metrics.render()


async def test_shows_nothing_of_a_defect(caplog: pytest.LogCaptureFixture) -> None:
    """The client learns that there is one; the log has its type and place."""
    with caplog.at_level(logging.ERROR, "steward_runtime"):
        response = await _ask(_raise(ValueError(MARKER)), Metrics())
    assert (response.status_code, response.json()["error"]["code"]) == (500, "InternalError")
    assert MARKER not in response.text
    assert [record.msg for record in caplog.records] == ["Defect"]


async def test_answers_nobody_when_the_client_is_gone() -> None:
    """No answer is made up for a client that left; the metric says 499."""
    metrics = Metrics()
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    door = Door([Route("/v1/models", _raise(ClientGone()))], metrics, lambda: 0.0)
    scope = {"type": "http", "method": "GET", "path": "/v1/models", "headers": []}
    await door(scope, receive, send)
    assert sent == []
    assert b'status="499"' in metrics.render()


async def test_breaks_an_answer_off_that_fails_in_its_middle() -> None:
    """Once a status is out, an error can only end the connection."""

    async def begin_and_fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(MARKER)

    class Endpoint:
        """An ASGI application that fails late."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await begin_and_fail(scope, receive, send)

    door = Door([Route("/v1/models", Endpoint())], Metrics(), lambda: 0.0)
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        with pytest.raises(ValueError, match=MARKER):
            await client.get("/v1/models")


@pytest.fixture
async def health() -> AsyncIterator[tuple[httpx.AsyncClient, Readiness]]:
    """Serve the probes."""
    readiness = Readiness()
    door = Door(build_health_routes(readiness), Metrics(), lambda: 0.0)
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client, readiness


async def test_is_alive_before_it_is_ready(
    health: tuple[httpx.AsyncClient, Readiness],
) -> None:
    """Starting, ready, draining: the probe says which; life does not depend on it."""
    client, readiness = health
    seen = []
    changes: tuple[Callable[[], None], ...] = (
        lambda: None,
        readiness.open,
        lambda: readiness.close("Draining"),
    )
    for change in changes:
        change()
        answer = await client.get("/readyz")
        seen.append((answer.status_code, answer.json()["status"]))
        assert (await client.get("/livez")).status_code == 200
    assert seen == [(503, "Starting"), (200, "ready"), (503, "Draining")]
