"""Reading request bodies within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Receive, Scope

from steward_runtime.errors import BodyTooLarge
from steward_runtime.server.errors import RequestTimedOut

BODY_SECONDS_MAX: Final = 30.0
"""A body of 1 MiB at 35 KB/s; slower senders hold a connection for nothing."""
DISCARD_SECONDS_MAX: Final = 5.0
DISCARD_FACTOR: Final = 16
"""How much of a body that is too large is read and dropped, so that its sender gets to read why: a
connection that is closed on unread bytes is reset, and the answer with it."""


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
