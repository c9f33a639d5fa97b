"""Windows: when data is due (pure). The only arithmetic of retention; nothing else adds to a time.

Times are milliseconds since 1970 UTC, windows are seconds. A record is due once its window has
passed in full since its last change: at that very millisecond, and not one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward_api.blueprint import BlueprintRetention
from steward_api.v1alpha1.retention_policy import DataClass

MS_PER_SECOND = 1_000


@dataclass(frozen=True, slots=True)
class Hold:
    """A named hold on one class of data."""

    name: str
    data_class: DataClass


@dataclass(frozen=True, slots=True)
class Horizon:
    """A declared backup, and when it has dropped its last copy of what is deleted now."""

    name: str
    gone_after_ms: int


@dataclass(frozen=True, slots=True)
class Windows:
    """How long each class is kept, and what is held.

    Attributes:
        policy: name of the RetentionPolicy.
        policy_digest: its digest.
        keep_seconds: seconds after the last change, by class; a class without entry never dies.
        holds: holds in force.
        backup_seconds: seconds that each declared backup keeps a copy, by its name.
    """

    policy: str
    policy_digest: str
    keep_seconds: Mapping[DataClass, int]
    holds: tuple[Hold, ...] = ()
    backup_seconds: Mapping[str, int] = field(default_factory=dict)

    def holds_on(self, data_class: DataClass) -> tuple[str, ...]:
        """Return the names of the holds on a class, sorted."""
        return tuple(sorted(hold.name for hold in self.holds if hold.data_class is data_class))


def parse_windows(retention: BlueprintRetention) -> Windows:
    """Read the windows of a Blueprint."""
    return Windows(
        policy=retention.policy,
        policy_digest=retention.policy_digest,
        keep_seconds={window.data_class: window.keep_seconds for window in retention.windows},
        holds=tuple(Hold(hold.name, hold.data_class) for hold in retention.holds),
        backup_seconds={backup.name: backup.keep_seconds for backup in retention.backups},
    )


def resolve_cutoff(keep_seconds: int, now_ms: int) -> int:
    """Return the time at or before which a last change makes a record due."""
    return now_ms - keep_seconds * MS_PER_SECOND


def check_due(changed_at_ms: int, keep_seconds: int, now_ms: int) -> bool:
    """Say whether a record's window has passed."""
    return changed_at_ms <= resolve_cutoff(keep_seconds, now_ms)


def resolve_horizons(windows: Windows, deleted_at_ms: int) -> tuple[Horizon, ...]:
    """Return when each declared backup has dropped its last copy, sorted by name."""
    return tuple(
        Horizon(name, deleted_at_ms + seconds * MS_PER_SECOND)
        for name, seconds in sorted(windows.backup_seconds.items())
    )
