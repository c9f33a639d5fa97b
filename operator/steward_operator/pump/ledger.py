"""What is remembered from one pass over an object to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from steward_operator.apply.refusals import Refusals
from steward_operator.apply.status import StatusTiming
from steward_operator.gather.subject import Subject
from steward_operator.plan.world import WriteFault


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

    def of(self, subject: Subject) -> Ledger:
        """Return the ledger of `subject`."""
        ledger = self._ledgers.get(subject)
        if ledger is None:
            now = self._clock()
            ledger = self._ledgers[subject] = Ledger(now, StatusTiming(stirred_at=now))
        return ledger

    def stir(self, subject: Subject) -> None:
        """Note that something about `subject` has just been changed."""
        self.of(subject).timing.stirred_at = self._clock()

    def forget(self, subject: Subject) -> None:
        """Drop a deleted object."""
        self._ledgers.pop(subject, None)
