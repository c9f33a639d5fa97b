"""Freezing: what is written before it stays, what comes after it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.receipt import Outcome
from steward_purge import (
    KEEP_SECONDS,
    PurgeBench,
    open_bench,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.clock import ManualClock
from steward_runtime.errors import StorageError
from steward_runtime.retention.runs import RunOutcome, Step


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path / "data", clock) as made:
        yield made


class WritingObserver:
    """Writes to a due conversation right before a step."""

    def __init__(self, bench: PurgeBench, conversation_id: str, step: Step) -> None:
        self.refused = False
        self._bench = bench
        self._conversation_id = conversation_id
        self._step = step

    def before(self, _run_id: str, step: Step) -> None:
        """Write if this is the step, and note a refusal."""
        if step is not self._step:
            return
        try:
            self._bench.database.write_now(
                lambda c: c.execute(
                    "UPDATE conversations SET changed_at = ? WHERE conversation_id = ?",
                    (self._bench.clock.now_ms(), self._conversation_id),
                )
            )
        except StorageError:
            self.refused = True

    def after(self, _run_id: str, _step: Step) -> None:
        """Do nothing."""


def test_a_record_that_is_written_before_it_is_frozen_stays(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """It was due when it was resolved, and is not any more."""
    seeded = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    observer = WritingObserver(bench, seeded.record_id, Step.FROZEN)
    bench.observer = observer
    _, claim = bench.run_one()
    assert not observer.refused
    assert bench.count_rows("messages") == 2
    assert [row.due for row in claim.classes] == [0, 0, 1, 0]
    assert claim.outcome is Outcome.COMPLETE


def test_a_frozen_record_takes_no_more_writes(bench: PurgeBench, clock: ManualClock) -> None:
    """A write that comes too late is refused, so nothing acknowledged is deleted."""
    seeded = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    observer = WritingObserver(bench, seeded.record_id, Step.SURVEYED)
    bench.observer = observer
    _, claim = bench.run_one()
    assert observer.refused
    assert claim.outcome is Outcome.COMPLETE
    assert bench.count_rows("messages") == 0


def test_if_all_due_records_are_written_again_nothing_is_claimed(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """A run that found nothing to delete in the end makes no receipt."""
    seeded = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    bench.observer = WritingObserver(bench, seeded.record_id, Step.FROZEN)
    (run,) = bench.run()
    assert (run.outcome, run.receipt_digest) == (RunOutcome.NOTHING_DUE, None)


def test_work_in_progress_is_not_due(bench: PurgeBench, clock: ManualClock) -> None:
    """A long turn outlives a short window."""
    conversation = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    seed_task(
        bench.database,
        bench.keyring,
        clock.now_ms(),
        conversation_id=conversation.record_id,
        is_ended=False,
    )
    clock.move(KEEP_SECONDS)
    (run,) = bench.run()
    assert run.outcome is RunOutcome.NOTHING_DUE
