"""The client of /internal/v1: what it says, and each way in which a runtime can fail it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.blueprint import Trust
from steward_loopback import find_free_port
from steward_operator.contract.client import ANSWER_BYTES_MAX, Erasure, RuntimeClient, Target
from steward_operator.contract.errors import (
    RuntimeAnswerBroken,
    RuntimeFault,
    RuntimeRefused,
    RuntimeUnreachable,
)
from steward_operator.contract.keys import build_trusted_key
from steward_runtime.errors import Unauthorized
from steward_runtime.server.errors import Forbidden
from steward_runtime.server.operator_tokens import AdminTokens, Scope

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
UID = "11111111-2222-3333-4444-555555555555"
NOW = 1_800_000_000
DIGEST = "sha256:" + "a" * 64
PUBLIC_KEY = base64.b64encode(b"\x01" * 32).decode()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status_document(request: web.Request) -> web.Response:
    """Answer as a runtime does."""
    del request
    return web.json_response({"blueprintDigest": DIGEST, "publicKey": PUBLIC_KEY, "more": 1})


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[tuple[RuntimeClient, Target]]:
    """Serve a handler for every path, and open a client to it."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with calling(f"http://{host}:{port}") as made:
            yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[tuple[RuntimeClient, Target]]:
    """Open a client to an address."""
    async with aiohttp.ClientSession() as session:
        client = RuntimeClient(session, KEY, lambda: NOW, timeout_seconds=0.5)
        yield client, Target("desk", UID, url)


async def test_asks_with_a_token_that_the_runtime_accepts_for_this_alone() -> None:
    """The runtime's own check takes it: for this Assistant, this scope, and one minute."""
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        assert (request.method, request.path) == ("GET", "/internal/v1/status")
        return status_document(request)

    async with listening(handle) as (client, target):
        status = await client.read_status(target)
    assert (status.blueprint_digest, status.public_key) == (DIGEST, b"\x01" * 32)
    keys = (build_trusted_key(KEY),)
    trust = Trust(namespace="n", assistant="desk", uid=UID, operator_keys=keys)
    check = AdminTokens(lambda: trust, lambda: None, lambda: NOW).check
    check(seen[0], Scope.STATUS)
    with pytest.raises(Forbidden):
        check(seen[0], Scope.ERASURES)
    foreign = trust.model_copy(update={"uid": "another"})
    with pytest.raises(Unauthorized):
        AdminTokens(lambda: foreign, lambda: None, lambda: NOW).check(seen[0], Scope.STATUS)
    with pytest.raises(Unauthorized):
        AdminTokens(lambda: trust, lambda: None, lambda: NOW + 61).check(seen[0], Scope.STATUS)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, RuntimeRefused),
        (403, RuntimeRefused),
        (404, RuntimeAnswerBroken),
        (302, RuntimeAnswerBroken),
        (429, RuntimeUnreachable),
        (500, RuntimeUnreachable),
        (503, RuntimeUnreachable),
    ],
)
async def test_a_status_that_is_no_answer_is_a_fault(
    status: int, expected: type[RuntimeFault]
) -> None:
    """Each becomes the fault that says what to do; a redirect is never followed."""

    async def handle(request: web.Request) -> web.Response:
        assert request.path == "/internal/v1/status"
        return web.Response(status=status, headers={"Location": "/elsewhere"}, text="marker-7")

    async with listening(handle) as (client, target):
        with pytest.raises(expected) as caught:
            await client.read_status(target)
    assert "desk" in str(caught.value)
    assert "marker-7" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>hello</html>",
        b"[1]",
        b"\xff\xfe",
        b"{}",
        b'{"blueprintDigest": "sha256:0", "publicKey": "%%%"}',
        b'{"blueprintDigest": "sha256:0", "publicKey": "AAAA"}',
        b'{"pad": "' + b"x" * ANSWER_BYTES_MAX + b'"}',
    ],
)
async def test_garbage_is_no_answer(content: bytes) -> None:
    """Neither other documents nor endless ones are taken."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=content)

    async with listening(handle) as (client, target):
        with pytest.raises(RuntimeAnswerBroken):
            await client.read_status(target)


async def test_a_slow_runtime_is_unreachable() -> None:
    """The deadline ends the call, wherever the answer hangs."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"blueprint')
        await asyncio.Event().wait()
        return response

    async with listening(handle) as (client, target):
        with pytest.raises(RuntimeUnreachable):
            await client.read_status(target)


async def test_a_closed_port_is_unreachable() -> None:
    """Nobody listens."""
    async with calling(f"http://127.0.0.1:{find_free_port()}") as (client, target):
        with pytest.raises(RuntimeUnreachable):
            await client.read_status(target)


async def test_a_cut_answer_is_unreachable() -> None:
    """The connection ends before the answer does."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"blueprint')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with listening(handle) as (client, target):
        with pytest.raises(RuntimeUnreachable):
            await client.read_status(target)


async def test_orders_an_erasure_and_reads_how_far_it_is() -> None:
    """One order and every repetition of it are the same request."""
    answers = [
        {"isEnded": False, "outcome": None, "receiptDigest": None, "state": "Running"},
        {"isEnded": True, "outcome": "Uncosigned", "receiptDigest": DIGEST},
    ]

    async def handle(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/internal/v1/erasures")
        return web.json_response(answers.pop(0), status=202)

    async with listening(handle) as (client, target):
        assert await client.start_erasure(target) == Erasure(False, None, None)
        assert await client.start_erasure(target) == Erasure(True, "Uncosigned", DIGEST)


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (401, {}, RuntimeRefused),
        (500, {}, RuntimeUnreachable),
        (404, {}, RuntimeAnswerBroken),
        (202, {}, RuntimeAnswerBroken),
        (202, {"isEnded": "false"}, RuntimeAnswerBroken),
        (202, {"isEnded": True, "outcome": 1}, RuntimeAnswerBroken),
        (202, {"isEnded": True, "outcome": "Complete", "receiptDigest": []}, RuntimeAnswerBroken),
    ],
)
async def test_an_erasure_is_never_taken_for_ended_by_mistake(
    status: int, document: dict[str, object], expected: type[RuntimeFault]
) -> None:
    """Whatever is not the contract's answer is a fault."""

    async def handle(request: web.Request) -> web.Response:
        assert request.path == "/internal/v1/erasures"
        return web.json_response(document, status=status)

    async with listening(handle) as (client, target):
        with pytest.raises(expected):
            await client.start_erasure(target)
