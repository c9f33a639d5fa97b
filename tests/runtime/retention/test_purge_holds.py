"""Holds: what they keep, when they come, and how they are stated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.receipt import Outcome, ResidueReason
from steward_api.v1alpha1.retention_policy import DataClass
from steward_purge import (
    KEEP_SECONDS,
    PurgeBench,
    build_windows,
    open_bench,
    seed_all,
    seed_conversation,
)
from steward_runtime.clock import ManualClock
from steward_runtime.retention.purge import HELD_AS_BEFORE
from steward_runtime.retention.runs import RunOutcome, Step
from steward_runtime.retention.windows import Hold


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path / "data", clock) as made:
        yield made


def test_a_hold_keeps_its_class_and_says_so(bench: PurgeBench, clock: ManualClock) -> None:
    """Everything else goes; the receipt names the hold and is Partial."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    run, claim = bench.run_one()
    assert run.outcome is RunOutcome.PARTIAL
    (residue,) = claim.exceptions
    assert (residue.reason, residue.hold, residue.count) == (
        ResidueReason.HELD,
        "court-order",
        1,
    )
    assert [(row.due, row.held, row.deleted) for row in claim.classes] == [
        (1, 1, 0),
        (1, 0, 1),
        (1, 0, 1),
        (1, 0, 1),
    ]
    assert bench.count_rows("messages") == 2


def test_a_hold_is_stated_once_not_every_hour(bench: PurgeBench, clock: ManualClock) -> None:
    """While nothing changes, later runs refer to the receipt that stands."""
    seed_conversation(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    bench.run()
    (again,) = bench.run()
    assert (again.outcome, again.reason) == (RunOutcome.PARTIAL, HELD_AS_BEFORE)
    assert again.receipt_digest is None
    bench.windows = build_windows(Hold("second-order", DataClass.CONVERSATIONS))
    (changed,) = bench.run()
    assert changed.receipt_digest is not None


def test_a_lifted_hold_lets_the_next_run_take_it(bench: PurgeBench, clock: ManualClock) -> None:
    """Nothing of a hold is remembered against the policy."""
    seed_conversation(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    bench.run()
    bench.windows = build_windows()
    _, claim = bench.run_one()
    assert claim.outcome is Outcome.COMPLETE


class HoldingObserver:
    """Brings in a new policy right before a step."""

    def __init__(self, bench: PurgeBench, step: Step) -> None:
        self._bench = bench
        self._step = step

    def before(self, _run_id: str, step: Step) -> None:
        """Change the policy if this is the step."""
        if step is self._step:
            self._bench.windows = build_windows(Hold("late", DataClass.MEMORY))

    def after(self, _run_id: str, _step: Step) -> None:
        """Do nothing."""


def test_a_hold_that_comes_during_a_run_still_wins(bench: PurgeBench, clock: ManualClock) -> None:
    """Up to the first deletion it saves its class; what was seen of it drops out of the counts."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    bench.observer = HoldingObserver(bench, Step.DELETING)
    _, claim = bench.run_one()
    assert bench.count_rows("memories") == 1
    memory = claim.stores[2]
    assert (memory.store, memory.rows_due, memory.needles) == ("memory", 0, ())
    assert claim.classes[2].held == 1
    assert [(r.reason, r.hold) for r in claim.exceptions] == [(ResidueReason.HELD, "late")]
    assert bench.count_rows("data_keys") == 1
