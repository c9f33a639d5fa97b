"""Token bucket of one key, kept as one integer (pure).

The generic cell rate algorithm (ITU-T I.371, annex A): instead of a number of tokens and the time
of the last visit it keeps only the moment at which the bucket is full again. All arithmetic is in
whole units of nanoseconds times `requests`, so nothing is ever rounded in anybody's favour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NANOSECONDS_PER_SECOND: Final = 1_000_000_000
MINUTE_NANOSECONDS: Final = 60 * NANOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `requests` tokens that refills evenly over `period_nanoseconds`."""

    requests: int
    period_nanoseconds: int = MINUTE_NANOSECONDS


@dataclass(frozen=True, slots=True)
class Spending:
    """What became of one request for a token."""

    full_at: int
    """Next state: when the bucket is full again, in nanoseconds times `Rate.requests`."""
    remaining: int
    """Whole tokens left."""
    wait_nanoseconds: int
    """0 if the token was given; else how long until one is there."""

    @property
    def is_granted(self) -> bool:
        """Say whether the request may go on."""
        return self.wait_nanoseconds == 0


FULL: Final = 0
"""State of a bucket that nobody has used."""


def decide_spending(rate: Rate, full_at: int, now_nanoseconds: int) -> Spending:
    """Take one token from the bucket in state `full_at`, or say how long to wait for one."""
    now = now_nanoseconds * rate.requests
    capacity = rate.period_nanoseconds * rate.requests
    price = rate.period_nanoseconds
    debt = max(0, full_at - now)
    if debt + price > capacity:
        missing = debt + price - capacity
        return Spending(max(full_at, now), 0, -(-missing // rate.requests))
    debt += price
    return Spending(now + debt, (capacity - debt) // price, 0)
