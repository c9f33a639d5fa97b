"""Three ports in one process."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from steward_runtime.server.serving import Listening, PortTaken, Servers


def _say(text: str) -> PlainTextResponse:
    return PlainTextResponse(text)


async def test_serves_each_application_on_its_own_port() -> None:
    """Ports are separate, and port 0 takes a free one."""
    servers = Servers(
        (
            Listening("one", _say("1"), "127.0.0.1", 0),
            Listening("two", _say("2"), "127.0.0.1", 0),
        )
    )
    await servers.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        for name, text in (("one", "1"), ("two", "2")):
            response = await client.get(f"http://127.0.0.1:{servers.ports[name]}/")
            assert response.text == text
            assert "server" not in response.headers
    await servers.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", servers.ports["one"])


def test_names_a_port_that_is_taken_and_frees_the_others() -> None:
    """Nothing stays bound after a refusal."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = Listening("one", _say("1"), "127.0.0.1", 0)
        with pytest.raises(PortTaken, match=f"Port {port} for two"):
            Servers((free, Listening("two", _say("2"), "127.0.0.1", port)))


def test_refuses_an_address_that_is_not_of_this_machine() -> None:
    """The sentence names the address."""
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1"):
        Servers((Listening("one", _say("1"), "192.0.2.1", 0),))


async def test_sends_small_answers_at_once() -> None:
    """Accepted connections have TCP_NODELAY, or each answer would wait for an acknowledgement."""
    accepted: list[int] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        transport: Any = getattr(send, "__self__").transport  # noqa: B009 - uvicorn's own object
        connection = transport.get_extra_info("socket")
        accepted.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await _say("x")(scope, receive, send)

    servers = Servers((Listening("one", look, "127.0.0.1", 0),))
    await servers.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"http://127.0.0.1:{servers.ports['one']}/")
    await servers.stop()
    assert accepted[0] != 0
