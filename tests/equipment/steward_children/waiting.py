"""Polls a condition until a deadline, so that no test sleeps as synchronisation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.02


def wait_until(holds: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until `holds()` is true.

    Raises:
        TimeoutError: if it never is.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true in time")
        time.sleep(POLL_SECONDS)


async def wait_until_async(
    holds: Callable[[], object], *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Poll as `wait_until`, with an event loop running.

    Raises:
        TimeoutError: if the condition never holds.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true in time")
        await asyncio.sleep(POLL_SECONDS)
