"""Waits for what no watch shows: asks again and again, up to a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from steward_lab.errors import DeadlineError

POLL_SECONDS = 0.02


def wait_until(check: Callable[[], object], what: str, *, deadline_seconds: float = 30.0) -> None:
    """Asks until `check` answers something true.

    Args:
        check: The question; it should be cheap.
        what: What is waited for, for the message.
        deadline_seconds: How long to ask.

    Raises:
        DeadlineError: It did not happen in time.
    """
    deadline = time.monotonic() + deadline_seconds
    while not check():
        if time.monotonic() > deadline:
            raise DeadlineError(f"{what} did not happen within {deadline_seconds} s")
        time.sleep(POLL_SECONDS)
