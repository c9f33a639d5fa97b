"""What became of the writes of one pass (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from steward_operator.errors import ApiError
from steward_operator.objects import ObjectKey
from steward_operator.plan.world import WriteFault

MESSAGE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """Sum of what a pass did to children, anchors and Secrets."""

    writes: int = 0
    """Requests that changed something."""
    faults: tuple[WriteFault, ...] = ()
    """Refusals that only a change can mend."""
    transient: ApiError | None = None
    """A fault that time may mend; the one that asks for the longest wait."""
    is_outdated: bool = False
    """True where the world had moved on: gather again, then plan."""


NOTHING = Outcome()
WRITTEN = Outcome(writes=1)
OUTDATED = Outcome(is_outdated=True)


def merge_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the sum of several outcomes, with faults in a stable order."""
    merged = tuple(outcomes)
    transients = [o.transient for o in merged if o.transient is not None]
    return Outcome(
        writes=sum(o.writes for o in merged),
        faults=tuple(sorted((f for o in merged for f in o.faults), key=lambda f: f.key)),
        transient=max(transients, key=lambda e: e.retry_after_seconds or 0.0, default=None),
        is_outdated=any(o.is_outdated for o in merged),
    )


def build_fault(key: ObjectKey, error: ApiError) -> WriteFault:
    """Return the fault that the plan shows for a refused write."""
    return WriteFault(key, error.status, error.detail[:MESSAGE_LENGTH_MAX])
