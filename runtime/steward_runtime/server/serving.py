"""Three ports in one process, and the way down: stop taking work, finish it, close."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from steward_runtime.errors import StewardError

BACKLOG: Final = 2_048
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the pause between two turns of a user, and than common proxies keep connections."""
CLOSE_SECONDS: Final = 5
"""How long a connection may take to read its last bytes."""


class PortTaken(StewardError):
    """An address cannot be listened on."""

    reason = "PortTaken"


@dataclass(frozen=True, slots=True)
class Listening:
    """One application and where it listens; port 0 takes a free one."""

    name: str
    app: ASGIApp
    host: str
    port: int


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the process and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.is_listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


class Servers:
    """The servers of one process."""

    def __init__(self, listenings: tuple[Listening, ...]) -> None:
        """Bind every address.

        Raises:
            PortTaken: if one cannot be bound.
        """
        self._sockets: list[socket.socket] = []
        self._servers: list[QuietServer] = []
        self.ports: dict[str, int] = {}
        try:
            for listening in listenings:
                self._bind(listening)
        except BaseException:
            for bound in self._sockets:
                bound.close()
            raise
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start accepting connections."""
        for server, bound in zip(self._servers, self._sockets, strict=True):
            self._tasks.append(asyncio.create_task(server.serve([bound])))
        for server in self._servers:
            await server.is_listening.wait()

    async def stop(self) -> None:
        """Close the ports; responses that are under way get some seconds to be read."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks)

    def _bind(self, listening: Listening) -> None:
        family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
        # asyncio sets TCP_NODELAY on sockets that name their protocol, and on no others; without it
        # a body waits for the acknowledgement of its headers: 44 ms per response, measured.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._sockets.append(bound)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((listening.host, listening.port))
        except OSError as error:
            raise PortTaken(
                f"Port {listening.port} for {listening.name} on {listening.host} cannot be "
                f"listened on ({error.strerror}). Stop what uses it, or give another port."
            ) from None
        bound.setblocking(False)  # noqa: FBT003 - the signature is the library's
        self.ports[listening.name] = bound.getsockname()[1]
        config = uvicorn.Config(
            listening.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=CLOSE_SECONDS,
        )
        self._servers.append(QuietServer(config))
