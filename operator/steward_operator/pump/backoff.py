"""How long to wait before a transient fault is tried again, per key (pure)."""

from __future__ import annotations

from typing import Final

FIRST_SECONDS: Final = 1.0
LAST_SECONDS: Final = 300.0
JITTER: Final = 0.2
"""Fifth of the delay, so that many keys that failed together don't come back together."""


def plan_retry_seconds(failures: int, asked_seconds: float | None, random_fraction: float) -> float:
    """Return the delay after `failures` failures in a row.

    Doubles from 1 s to 300 s: 1, 2, 4, 8, 16, 32 s put six attempts into the first minute.

    Args:
        failures: How often the key has failed in a row, from 1.
        asked_seconds: What the server asked for (Retry-After); never less than that.
        random_fraction: From 0 to 1, for jitter.
    """
    delay = min(LAST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 20))
    return max(delay, asked_seconds or 0.0) * (1.0 + JITTER * random_fraction)
