"""What is remembered from one pass over an object to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from steward_operator.apply.refusals import Refusals
from steward_operator.apply.status import StatusTiming
from steward_operator.gather.subject import Subject
from steward_operator.plan.world import WriteFault

CLOSING_SECONDS: Final = 60.0
"""How long a namespace that is being deleted is left alone; one of that name may come again."""


@dataclass(slots=True)
class Ledger:
    """Memory of one object's passes."""

    first_seen_at: float
    timing: StatusTiming
    failures: int = 0
    """Transient faults in a row."""
    faults: tuple[WriteFault, ...] = ()
    """Refusals of the last pass."""
    refusals: Refusals = field(default_factory=Refusals)


class Ledgers:
    """One ledger per object, made at first sight."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start empty; `clock` is monotonic seconds."""
        self._clock = clock
        self._ledgers: dict[Subject, Ledger] = {}
        self._closing: dict[str, float] = {}

    def of(self, subject: Subject) -> Ledger:
        """Return the ledger of `subject`."""
        ledger = self._ledgers.get(subject)
        if ledger is None:
            now = self._clock()
            ledger = self._ledgers[subject] = Ledger(now, StatusTiming(stirred_at=now))
        return ledger

    def stir(self, subject: Subject) -> None:
        """Note that a user has just changed something: what was refused may pass now."""
        ledger = self.of(subject)
        ledger.timing.stirred_at = self._clock()
        ledger.refusals.by_child.clear()

    def close_namespace(self, namespace: str) -> None:
        """Note that a namespace is being deleted."""
        self._closing[namespace] = self._clock() + CLOSING_SECONDS

    def closing_seconds(self, namespace: str) -> float:
        """Return for how long nothing should be tried in a namespace; 0 where it is open."""
        seconds = self._closing.get(namespace, 0.0) - self._clock()
        if seconds <= 0:
            self._closing.pop(namespace, None)
        return max(0.0, seconds)

    def forget(self, subject: Subject) -> None:
        """Drop a deleted object."""
        self._ledgers.pop(subject, None)
