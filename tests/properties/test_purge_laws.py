"""Laws of the purge on a real database: what is left, and what the receipts say of the rest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward_api.receipt import Outcome, Trigger
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.verification import check_claims
from steward_purge import (
    PurgeBench,
    Seeded,
    build_windows,
    open_bench,
    seed_audit,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.clock import ManualClock
from steward_runtime.retention.stores import build_stores
from steward_runtime.retention.windows import Hold
from steward_runtime.storage.connection import Connection

SEEDS: dict[DataClass, Callable[..., Seeded]] = {
    DataClass.CONVERSATIONS: seed_conversation,
    DataClass.TASKS: seed_task,
    DataClass.MEMORY: seed_memory,
    DataClass.AUDIT_DETAIL: seed_audit,
}
KEEP_SECONDS = 60
BEGIN_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Written:
    """A record that a test writes: class, age in seconds when the purge runs, and whose it is."""

    data_class: DataClass
    age_seconds: int
    subject: str


records = st.lists(
    st.builds(
        Written,
        data_class=st.sampled_from(DataClass),
        age_seconds=st.sampled_from([0, 1, 59, 60, 61, 500]),
        subject=st.sampled_from(["ada", "bob"]),
    ),
    max_size=8,
)
holds = st.lists(st.sampled_from(DataClass), max_size=1).map(
    lambda held: tuple(Hold("court-order", data_class) for data_class in held)
)


def write(bench: PurgeBench, clock: ManualClock, wanted: Sequence[Written]) -> dict[str, Written]:
    """Write records at their ages; return them by id."""
    return {
        SEEDS[each.data_class](
            bench.database,
            bench.keyring,
            clock.now_ms() - each.age_seconds * 1_000,
            subject=each.subject,
        ).record_id
        + each.data_class: each
        for each in wanted
    }


def list_present(bench: PurgeBench) -> set[str]:
    """Return the ids of all records."""
    return bench.database.read_now(
        lambda c: {
            record.record_id + record.data_class
            for store in build_stores()
            for record in store.list_records(c, changed_until_ms=2**62)
        }
    )


def count_keys_needed(bench: PurgeBench) -> tuple[int, int]:
    """Return how many data keys there are, and how many of them seal any row."""

    def read(connection: Connection) -> set[str]:
        return {
            row.key_id
            for store in build_stores()
            for row in store.list_rows(
                connection,
                [r.record_id for r in store.list_records(connection, changed_until_ms=2**62)],
            )
        }

    return bench.count_rows("data_keys"), len(bench.database.read_now(read))


slow = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(records, holds, st.sampled_from(Trigger), st.integers(4, 12))
def test_exactly_what_is_due_goes(
    wanted: list[Written], held: tuple[Hold, ...], trigger: Trigger, rows_max: int
) -> None:
    """Whatever the records, holds, cause and bound of a run: nothing more, nothing less.

    No key outlives its last row, none dies before it, and every receipt agrees with the files.
    """
    clock = ManualClock(BEGIN_MS)
    held_classes = {hold.data_class for hold in held}
    with tempfile.TemporaryDirectory() as folder, open_bench(Path(folder), clock) as bench:
        written = write(bench, clock, wanted)
        bench.windows = build_windows(*held, keep_seconds=KEEP_SECONDS)
        bench.rows_max = rows_max
        done = bench.run(trigger)
        stays = {
            record_id
            for record_id, each in written.items()
            if each.data_class in held_classes
            or (trigger is Trigger.WINDOW and each.age_seconds < KEEP_SECONDS)
        }
        assert list_present(bench) == stays
        keys, used = count_keys_needed(bench)
        assert keys == used
        claims = [bench.read_claim(run) for run in done if run.receipt_digest is not None]
        assert all(check_claims(claim) == () for claim in claims)
        deleted = sum(row.deleted for claim in claims for row in claim.classes)
        assert deleted == len(written) - len(stays)
        is_held = any(
            each.data_class in held_classes
            and (trigger is not Trigger.WINDOW or each.age_seconds >= KEEP_SECONDS)
            for each in wanted
        )
        if claims:
            assert (claims[-1].outcome is Outcome.PARTIAL) == is_held
