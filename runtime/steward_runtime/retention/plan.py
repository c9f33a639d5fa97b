"""Plan: which records a run deletes, and which it leaves and why (pure).

`records, windows, holds, now -> due`. Laws in `tests/properties/test_retention_laws.py`: nothing
goes before its window has passed, what is in use stays, a hold always wins, and the order of
records does not matter.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from steward_api.receipt import Trigger
from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.retention.windows import Windows, check_due, resolve_cutoff

RECORDS_MAX = 5_000
"""Records of one run: their needles (up to 8 KB each while they are searched) must fit in a small
Pod's memory. More are postponed to the next run, which follows at once.
"""

END_OF_TIME_MS = 2**62


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that lives and dies as a whole: a conversation, a task, a memory, a detail row.

    Attributes:
        data_class: class whose window governs it.
        store: store that keeps it.
        record_id: its id in that store.
        subject: pseudonym of its owner; empty where it has none.
        changed_at_ms: time of the last change.
        is_in_use: work on it has begun and not ended, so its last change is still to come.
    """

    data_class: DataClass
    store: str
    record_id: str
    subject: str
    changed_at_ms: int
    is_in_use: bool = False


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """What a run does with one class.

    Attributes:
        data_class: the class.
        keep_seconds: its window; None where everything is due.
        cutoff_ms: records last changed at or before it are due.
        due: records that are due, whether held or not.
        holds: names of the holds in force; with one, nothing of the class is deleted.
        postponed: due records that the run leaves to the next one.
    """

    data_class: DataClass
    keep_seconds: int | None
    cutoff_ms: int
    due: int
    holds: tuple[str, ...] = ()
    postponed: int = 0


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What a run deletes, and the account of each class.

    Attributes:
        delete: records to delete, oldest first.
        classes: one entry per class, in the order of `DataClass`.
    """

    delete: tuple[Record, ...]
    classes: tuple[ClassPlan, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing is due, held or not."""
        return all(row.due == 0 for row in self.classes)


def resolve_cutoffs(windows: Windows, trigger: Trigger, now_ms: int) -> Mapping[DataClass, int]:
    """Return for each class that can die the time at or before which its records are due.

    For a deleted assistant that is the end of time: what a clock that went wrong has dated into the
    future goes as well.
    """
    if trigger is Trigger.ASSISTANT_DELETED:
        return dict.fromkeys(DataClass, END_OF_TIME_MS)
    return {
        data_class: resolve_cutoff(keep_seconds, now_ms)
        for data_class, keep_seconds in windows.keep_seconds.items()
    }


def plan_purge(
    records: Iterable[Record],
    windows: Windows,
    trigger: Trigger,
    now_ms: int,
    *,
    records_max: int = RECORDS_MAX,
) -> PurgePlan:
    """Decide which of `records` go now.

    Args:
        records: candidates of every store, in any order.
        windows: windows and holds in force.
        trigger: why the run happens; for a deleted assistant every record is due, in use or not.
        now_ms: the time that windows are measured to.
        records_max: records that one run deletes at most, at least 1.
    """
    held = {hold.data_class for hold in windows.holds}
    due: Counter[DataClass] = Counter()

    def list_free() -> Iterator[Record]:
        for record in records:
            if _is_due(record, windows, trigger, now_ms):
                due[record.data_class] += 1
                if record.data_class not in held:
                    yield record

    delete = tuple(heapq.nsmallest(records_max, list_free(), key=_age))
    rows = _plan_classes(due, windows, trigger, now_ms)
    return PurgePlan(delete, _postpone(rows, delete))


def trim_plan(plan: PurgePlan, records: int) -> PurgePlan:
    """Leave all but the oldest `records` to the next run."""
    delete = plan.delete[:records]
    return PurgePlan(delete, _postpone(plan.classes, delete))


def _age(record: Record) -> tuple[int, str, str]:
    return (record.changed_at_ms, record.store, record.record_id)


def _is_due(record: Record, windows: Windows, trigger: Trigger, now_ms: int) -> bool:
    if trigger is Trigger.ASSISTANT_DELETED:
        return True
    keep_seconds = windows.keep_seconds.get(record.data_class)
    if keep_seconds is None or record.is_in_use:
        return False
    return check_due(record.changed_at_ms, keep_seconds, now_ms)


def _plan_classes(
    due: Counter[DataClass], windows: Windows, trigger: Trigger, now_ms: int
) -> tuple[ClassPlan, ...]:
    cutoffs = resolve_cutoffs(windows, trigger, now_ms)
    return tuple(
        ClassPlan(
            data_class=data_class,
            keep_seconds=windows.keep_seconds[data_class] if trigger is Trigger.WINDOW else None,
            cutoff_ms=min(cutoffs[data_class], now_ms),
            due=due[data_class],
            holds=windows.holds_on(data_class),
        )
        for data_class in DataClass
        if data_class in cutoffs
    )


def _postpone(rows: tuple[ClassPlan, ...], delete: tuple[Record, ...]) -> tuple[ClassPlan, ...]:
    taken = Counter(record.data_class for record in delete)
    return tuple(
        row if row.holds else replace(row, postponed=row.due - taken[row.data_class])
        for row in rows
    )
