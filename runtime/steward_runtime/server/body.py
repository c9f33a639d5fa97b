"""Reading request bodies within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Receive, Scope

from steward_runtime.errors import BodyTooLarge, Overloaded
from steward_runtime.server.errors import RequestTimedOut

BODY_SECONDS_MAX: Final = 30.0
"""A body of 1 MiB at 35 KB/s; slower senders hold a connection for nothing."""
DISCARD_SECONDS_MAX: Final = 5.0
DISCARD_FACTOR: Final = 16
"""How much of a body that is too large is read and dropped, so that its sender gets to read why: a
connection that is closed on unread bytes is reset, and the answer with it."""


BODIES_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bytes of all bodies that are being served: parsed they take some five times as much, and a Pod
has 512 MiB by default."""


class BodyBudget:
    """Bounds the bytes of all bodies together: many large ones are refused, not collected."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held = 0

    @contextmanager
    def reserve(self, scope: Scope, body_bytes_max: int) -> Iterator[None]:
        """Hold room for one body while it is served.

        A body of unknown length takes the room of the largest one that is allowed. One body always
        fits, and one that will be refused for its size takes no room.

        Raises:
            Overloaded: if there is no room now.
        """
        declared = _read_length(scope)
        size = body_bytes_max if declared is None else declared
        size = 0 if size > body_bytes_max else size
        if self._held and self._held + size > self._bytes_max:
            raise Overloaded(
                "The assistant serves as many large requests as it may hold. Try again soon, or "
                "send fewer or shorter messages.",
                retry_after_seconds=1,
            )
        self._held += size
        try:
            yield
        finally:
            self._held -= size


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


async def read_body(
    scope: Scope, receive: Receive, bytes_max: int, seconds_max: float = BODY_SECONDS_MAX
) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: if it has more than `bytes_max` bytes.
        RequestTimedOut: if it does not arrive in time.
        ClientGone: if the client leaves before.
    """
    declared = _read_length(scope)
    if declared is not None and declared > bytes_max:
        await _discard(receive, bytes_max * DISCARD_FACTOR)
        raise _too_large(bytes_max)
    try:
        async with asyncio.timeout(seconds_max):
            return await _collect(receive, bytes_max)
    except TimeoutError:
        raise RequestTimedOut(
            f"The body did not arrive within {seconds_max:g} seconds. Send it at once."
        ) from None


async def _collect(receive: Receive, bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            await _discard(receive, bytes_max * DISCARD_FACTOR)
            raise _too_large(bytes_max)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _discard(receive: Receive, bytes_max: int) -> None:
    size = 0
    try:
        async with asyncio.timeout(DISCARD_SECONDS_MAX):
            while size <= bytes_max:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _read_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _too_large(bytes_max: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body has more than {bytes_max} bytes. Send fewer or shorter messages, continue a "
        "conversation by Steward-Conversation, or raise limits.requestBytes."
    )
