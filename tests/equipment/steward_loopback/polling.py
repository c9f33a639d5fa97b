"""Waiting for something to become true, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
STEP_SECONDS = 0.01


def wait_until(probe: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """Return the first true value of `probe`.

    Raises:
        AssertionError: if it stays false until the deadline; the text names `what`.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} seconds")
        time.sleep(STEP_SECONDS)


async def until(probe: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """Do the same as `wait_until` on an event loop.

    Raises:
        AssertionError: if it stays false until the deadline; the text names `what`.
    """
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} seconds")
        await asyncio.sleep(STEP_SECONDS)
    return value
