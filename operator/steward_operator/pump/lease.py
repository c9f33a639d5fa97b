"""Who of several replicas may write: the election as arithmetic on a given clock (pure).

A Lease holds a name and a time. The time is another machine's, so only that it changes counts:
a holder is gone when its Lease has not changed for the whole duration on our own monotonic clock.
Our own hold is certain from the moment before a renewal was asked for, less a margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DURATION_SECONDS: Final = 15
RENEW_SECONDS: Final = 4.0
"""Three renewals may fail before the hold ends."""
MARGIN_SECONDS: Final = 3.0
"""Between the last moment in which we write and the first in which another may: longer than a
request that was judged in time takes to arrive."""


class Step(StrEnum):
    """What to do next about the Lease."""

    CREATE = "Create"
    TAKE = "Take"
    RENEW = "Renew"
    WAIT = "Wait"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a Lease says."""

    holder: str
    renewed_at: str
    """Text: compared, never read as a time."""


class Election:
    """One replica's view of the election."""

    def __init__(self, identity: str) -> None:
        """Take part as `identity`, which no other replica has."""
        self.identity = identity
        self._seen: Sighting | None = None
        self._changed_at = 0.0
        self._valid_until = float("-inf")

    def observe(self, sighting: Sighting | None, now: float) -> None:
        """Take in what the Lease says at `now`; None where there is no Lease."""
        if sighting != self._seen or self._seen is None:
            self._seen, self._changed_at = sighting, now

    def decide(self, now: float) -> Step:
        """Return the next step."""
        if self._seen is None:
            return Step.CREATE
        if self._seen.holder == self.identity:
            return Step.RENEW
        is_gone = now - self._changed_at >= DURATION_SECONDS
        return Step.TAKE if is_gone or not self._seen.holder else Step.WAIT

    def note_held(self, sighting: Sighting, asked_at: float) -> None:
        """Note that a request sent at `asked_at` has made the Lease ours."""
        self._seen, self._changed_at = sighting, asked_at
        self._valid_until = asked_at + DURATION_SECONDS - MARGIN_SECONDS

    def note_lost(self) -> None:
        """Note that another holds it, or that we gave it up."""
        self._valid_until = float("-inf")

    def is_leader(self, now: float) -> bool:
        """Say whether a write may be sent at `now`."""
        return now < self._valid_until
