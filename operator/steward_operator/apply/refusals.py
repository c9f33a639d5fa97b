"""Refused writes that are remembered, so that they are not sent again until something changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from steward_operator.apply.outcome import OUTDATED, Outcome, build_fault
from steward_operator.errors import (
    AbsentError,
    ApiError,
    ClosingError,
    ForbiddenError,
    OutdatedError,
    RejectedError,
)
from steward_operator.gather.child_record import ChildKey
from steward_operator.objects import Manifest, key_of
from steward_operator.plan.world import WriteFault


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused write: what was wished, against which version, until when it stands."""

    digest: str
    version: str
    """Version of the child, status apart; empty where there was none."""
    fault: WriteFault
    expires_at: float | None = None
    """Monotonic seconds; None until something changes."""


@dataclass(slots=True)
class Refusals:
    """Refused writes of one Assistant's children."""

    by_child: dict[ChildKey, Refusal] = field(default_factory=dict)

    def find(self, key: ChildKey, digest: str, version: str, now: float) -> WriteFault | None:
        """Return the fault if exactly this write was refused and nothing has changed since."""
        refusal = self.by_child.get(key)
        if refusal is None:
            return None
        is_over = refusal.expires_at is not None and refusal.expires_at <= now
        if is_over or (refusal.digest, refusal.version) != (digest, version):
            del self.by_child[key]
            return None
        return refusal.fault

    def judge(
        self,
        key: ChildKey,
        manifest: Manifest,
        error: ApiError,
        now: float,
        *,
        digest: str = "",
        version: str = "",
    ) -> Outcome:
        """Return what a failed write means: wait and repeat, or remember that it was refused."""
        if isinstance(error, OutdatedError):
            return OUTDATED
        if isinstance(error, ClosingError):
            return Outcome(transient=error)
        if not isinstance(error, RejectedError | ForbiddenError | AbsentError):
            return Outcome(transient=error)
        fault = build_fault(key_of(manifest), error)
        seconds = error.retry_after_seconds
        expires_at = None if seconds is None else now + seconds
        self.by_child[key] = Refusal(digest, version, fault, expires_at)
        return Outcome(faults=(fault,))

    def clear(self, key: ChildKey) -> None:
        """Forget a refusal: the write went through."""
        self.by_child.pop(key, None)

    def faults(self, wanted: frozenset[ChildKey] | None = None) -> tuple[WriteFault, ...]:
        """Return the standing faults in a stable order, of `wanted` children where given."""
        found = (
            refusal.fault
            for key, refusal in self.by_child.items()
            if wanted is None or key in wanted
        )
        return tuple(sorted(found, key=lambda fault: fault.key))

    def next_expiry(self) -> float | None:
        """Return when the first refusal runs out, or None."""
        times = [r.expires_at for r in self.by_child.values() if r.expires_at is not None]
        return min(times, default=None)
