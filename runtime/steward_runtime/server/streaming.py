"""One stream of server-sent events to one client, with heartbeats while nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.types import Send

from steward_runtime.server.render import HEARTBEAT

STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
"""The last one asks nginx not to collect what should arrive at once."""


class EventStream:
    """Sends events; a client that left is no error, for its task goes on without it."""

    def __init__(self, send: Send, monotonic_seconds: Callable[[], float]) -> None:
        self._send = send
        self._monotonic_seconds = monotonic_seconds
        self._lock = asyncio.Lock()
        self._sent_at = monotonic_seconds()

    async def begin(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send status and headers."""
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [*STREAM_HEADERS, *headers],
        }
        await self._send(start)

    async def write(self, events: bytes) -> None:
        """Send events."""
        async with self._lock:
            self._sent_at = self._monotonic_seconds()
            await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def end(self, events: bytes) -> None:
        """Send the last events and end the response."""
        async with self._lock:
            await self._send({"type": "http.response.body", "body": events, "more_body": False})

    @asynccontextmanager
    async def beating(self, silence_seconds: float) -> AsyncIterator[None]:
        """Send a comment after each such silence, while the block lasts."""
        beat = asyncio.create_task(self._beat(silence_seconds))
        try:
            yield
        finally:
            beat.cancel()

    async def _beat(self, silence_seconds: float) -> None:
        while True:
            silent = self._monotonic_seconds() - self._sent_at
            if silent >= silence_seconds:
                await self.write(HEARTBEAT)
                silent = 0.0
            await asyncio.sleep(silence_seconds - silent)
