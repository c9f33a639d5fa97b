"""The gate of a replica that may have lost its Lease: looked at twice before each write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web

from steward_operator.errors import LeaseLostError, UnavailableError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.connection import Connection
from steward_operator.kube.gate import GateClosedError, build_middleware
from steward_operator.kube.resources import CONFIG_MAPS
from steward_operator.kube.throttle import Throttle
from steward_operator.kube.transport import Transport
from steward_operator.objects import Manifest

MANIFEST: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "n"},
}


class Server:
    """Counts what arrives."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self.methods: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as an API server that made something."""
        await request.read()
        self.methods.append(request.method)
        return web.json_response({"metadata": {"resourceVersion": "1"}})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A running server."""
    served, application = Server(), web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


@pytest.fixture
async def connection(server: Server, tmp_path: Path) -> AsyncIterator[Connection]:
    """A way to the server."""
    path = tmp_path / "config"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    made = Connection(path)
    await made.load()
    yield made
    await made.close()


def build_client(connection: Connection, may_write: Callable[[], bool]) -> KubeClient:
    """A client behind a gate."""
    throttle = Throttle(asyncio.get_running_loop().time)
    return KubeClient(Transport(connection, throttle, may_write), "tester")


async def test_a_shut_gate_keeps_writes_in_and_lets_reads_out(
    server: Server, connection: Connection
) -> None:
    """A replica that stands by may look, and never writes."""
    client = build_client(connection, lambda: False)
    with pytest.raises(LeaseLostError):
        await client.create(CONFIG_MAPS, MANIFEST)
    await client.get(CONFIG_MAPS, "n", "a")
    assert server.methods == ["GET"]


async def test_a_gate_that_shuts_while_a_write_waits_stops_its_body(
    server: Server, connection: Connection
) -> None:
    """The process slept between the first look and the socket: nothing whole arrives."""
    looks = iter((True, False))
    client = build_client(connection, lambda: next(looks))
    with pytest.raises(UnavailableError):
        await client.create(CONFIG_MAPS, MANIFEST)
    assert not server.methods
    assert next(looks, None) is None, "it was looked at twice"


async def test_an_open_gate_costs_nothing_but_two_looks(
    server: Server, connection: Connection
) -> None:
    """Two clients over one connection have a gate each."""
    shut, free = build_client(connection, lambda: False), build_client(connection, lambda: True)
    await free.create(CONFIG_MAPS, MANIFEST)
    with pytest.raises(LeaseLostError):
        await shut.create(CONFIG_MAPS, MANIFEST)
    await free.create(CONFIG_MAPS, MANIFEST)
    assert server.methods == ["POST", "POST"]


async def test_runtimes_hear_nothing_from_a_replica_that_does_not_lead(server: Server) -> None:
    """Asking, pulling and erasing pass the same gate, reads included."""
    is_leading = True
    gate = build_middleware(lambda: is_leading)
    async with aiohttp.ClientSession(middlewares=(gate,)) as session:
        async with session.get(server.url) as answer:
            assert answer.status == 200
        is_leading = False
        for method in ("GET", "POST", "PUT"):
            with pytest.raises(GateClosedError):
                await session.request(method, server.url)
    assert server.methods == ["GET"]
