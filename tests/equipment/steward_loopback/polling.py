"""Waiting for something to become true, with a deadline instead of a sleep."""

from __future__ import annotations

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
