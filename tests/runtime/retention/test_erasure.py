"""Erasure of a deleted assistant: everything goes, whatever its window, and nothing comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.receipt import Outcome, ResidueReason, Trigger
from steward_api.v1alpha1.retention_policy import DataClass
from steward_purge import (
    PurgeBench,
    build_windows,
    open_bench,
    seed_audit,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.errors import StorageError
from steward_runtime.retention.runs import RunOutcome
from steward_runtime.retention.windows import Hold

SEEDS = (seed_conversation, seed_task, seed_memory, seed_audit)
TABLES = ("conversations", "messages", "tasks", "journal", "ledger", "memories", "audit_details")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PurgeBench]:
    """Return a bench with one young record of every class, and a task that has not ended."""
    with open_bench(tmp_path) as made:
        for seed in SEEDS:
            seed(made.database, made.keyring, made.clock.now_ms())
        seed_task(
            made.database,
            made.keyring,
            made.clock.now_ms(),
            conversation_id="conv_1",
            is_ended=False,
        )
        yield made


def test_everything_goes_whatever_its_window(bench: PurgeBench) -> None:
    """Young records, unfinished tasks and keys that no row uses any more."""
    bench.database.write_now(lambda c: bench.keyring.obtain(c, "bob", "tasks", "orphan"))
    (run,) = bench.run(Trigger.ASSISTANT_DELETED)
    claim = bench.read_claim(run)
    assert claim.outcome is Outcome.COMPLETE
    assert claim.trigger is Trigger.ASSISTANT_DELETED
    assert [row.keep_seconds for row in claim.classes] == [None] * 4
    assert {bench.count_rows(table) for table in (*TABLES, "data_keys")} == {0}


def test_a_hold_is_respected(bench: PurgeBench) -> None:
    """What is held stays with its key, and the receipt is Partial."""
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    (run,) = bench.run(Trigger.ASSISTANT_DELETED)
    claim = bench.read_claim(run)
    assert claim.outcome is Outcome.PARTIAL
    assert [residue.reason for residue in claim.exceptions] == [ResidueReason.HELD]
    assert bench.count_rows("messages") == 2
    assert bench.count_rows("data_keys") == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_can_be_written_any_more(bench: PurgeBench, seed: type[object]) -> None:
    """No turn, no memory and no audit detail after the order to erase."""
    bench.run(Trigger.ASSISTANT_DELETED)
    with pytest.raises(StorageError):
        seed(bench.database, bench.keyring, bench.clock.now_ms())  # type: ignore[call-arg] # one of the seeding functions
    assert {bench.count_rows(table) for table in TABLES} == {0}


def test_an_assistant_without_data_gets_its_receipt_too(tmp_path: Path) -> None:
    """The operator waits for a proof, even of nothing."""
    with open_bench(tmp_path) as bench:
        (run,) = bench.run(Trigger.ASSISTANT_DELETED)
        assert run.outcome is RunOutcome.COMPLETE
        assert [row.due for row in bench.read_claim(run).classes] == [0] * 4


def test_erasing_again_is_complete_again(bench: PurgeBench) -> None:
    """A retry of the operator does no harm."""
    bench.run(Trigger.ASSISTANT_DELETED)
    (run,) = bench.run(Trigger.ASSISTANT_DELETED)
    assert run.outcome is RunOutcome.COMPLETE


def test_a_purge_under_way_ends_before_the_erasure(bench: PurgeBench) -> None:
    """The run that had begun is taken to its end, then everything goes."""
    bench.clock.move(60)  # type: ignore[attr-defined] # the clock of the bench is manual
    begun = bench.build().begin(Trigger.WINDOW)
    done = bench.run(Trigger.ASSISTANT_DELETED)
    assert [run.trigger for run in done] == [Trigger.WINDOW, Trigger.ASSISTANT_DELETED]
    assert done[0].run_id == begun.run_id
    assert {bench.count_rows(table) for table in TABLES} == {0}
