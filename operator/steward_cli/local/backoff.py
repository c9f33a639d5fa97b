"""How long to wait before a child that ended is started again (pure)."""

from __future__ import annotations

from typing import Final

FIRST_SECONDS: Final = 1
SECONDS_MAX: Final = 30
SETTLED_SECONDS: Final = 60
"""A child that lived this long is taken to have recovered: the count starts anew."""


def decide_restart_seconds(failures: int) -> int:
    """Return the pause before restart number `failures` (from 1): 1, 2, 4, ... at most 30 s."""
    return int(min(SECONDS_MAX, FIRST_SECONDS << min(max(failures, 1) - 1, 5)))


def count_failures(before: int, lived_seconds: float) -> int:
    """Return the failures in a row, this one included, after a child lived `lived_seconds`."""
    return 1 if lived_seconds >= SETTLED_SECONDS else before + 1
