"""A purge that is killed at each of its steps goes on afterwards, and signs nothing false.

The list of places is the enum of steps itself, each with two moments, and the middle of a deletion
in every store. The process kills itself with SIGKILL.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from steward_api.receipt import Outcome, Trigger
from steward_api.verification import check_claims
from steward_purge import (
    KEEP_SECONDS,
    PurgeBench,
    open_bench,
    seed_audit,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.clock import ManualClock
from steward_runtime.retention.runs import Run, Step, find_unfinished

STEPS = [step.value for step in Step if step is not Step.STARTED]
PLACES = [
    *((step, moment) for step in STEPS for moment in ("before", "after")),
    *(("store", str(number)) for number in range(4)),
]
SEEDS = (seed_conversation, seed_task, seed_memory, seed_audit)
EQUIPMENT = Path(__file__).parents[2] / "equipment"


def seed_folder(directory: Path) -> tuple[int, int]:
    """Write two due records and a younger one of every class; return now and rows that stay."""
    clock = ManualClock()
    with open_bench(directory, clock) as bench:
        for _ in range(2):
            for seed in SEEDS:
                seed(bench.database, bench.keyring, clock.now_ms())
        clock.move(KEEP_SECONDS)
        for seed in SEEDS:
            seed(bench.database, bench.keyring, clock.now_ms(), subject="bob")
        return clock.now_ms(), count_rows_of_bob(bench)


def count_rows_of_bob(bench: PurgeBench) -> int:
    """Count rows and keys of the subject whose data is not due."""
    tables = ("conversations", "tasks", "memories", "audit_details", "data_keys")
    return bench.database.read_now(
        lambda c: sum(
            int(c.execute(f"SELECT count(*) FROM {table} WHERE subject = 'bob'").fetchone()[0])  # noqa: S608 # names of the tests
            for table in tables
        )
    )


def purge_and_die(directory: Path, now_ms: int, place: tuple[str, str], trigger: Trigger) -> None:
    """Purge in a process of its own that dies at a place."""
    command = [sys.executable, "-m", "steward_purge", str(directory), str(now_ms), trigger, *place]
    done = subprocess.run(
        command, timeout=100, check=False, capture_output=True, env={"PYTHONPATH": str(EQUIPMENT)}
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def check_receipts(bench: PurgeBench) -> list[Outcome]:
    """Check every receipt against its own counts; return the outcomes."""
    outcomes = []
    for entry in bench.receipts.list_entries():
        claim = bench.read_claim(
            Run(entry.run_id, Trigger.WINDOW, Step.ISSUED, 0, receipt_digest=entry.digest)
        )
        assert check_claims(claim) == ()
        outcomes.append(claim.outcome)
    return outcomes


@pytest.mark.parametrize("place", PLACES, ids="-".join)
def test_goes_on_after_a_kill(tmp_path: Path, place: tuple[str, str]) -> None:
    """One receipt accounts for everything that was due, and what was not due is whole."""
    now_ms, rows_of_bob = seed_folder(tmp_path)
    purge_and_die(tmp_path, now_ms, place, Trigger.WINDOW)
    with open_bench(tmp_path, ManualClock(now_ms)) as bench:
        bench.build().resume()
        bench.run()
        assert check_receipts(bench) == [Outcome.COMPLETE]
        (entry,) = bench.receipts.list_entries()
        run = bench.build().find(entry.run_id)
        assert run is not None
        claim = bench.read_claim(run)
        assert [(row.due, row.deleted) for row in claim.classes] == [(2, 2)] * 4
        assert [store.rows_deleted for store in claim.stores] == [6, 8, 2, 2, 7]
        assert count_rows_of_bob(bench) == rows_of_bob
        assert bench.database.read_now(find_unfinished) is None
        assert bench.count_rows("frozen") == 0
        digest = entry.digest.removeprefix("sha256:")
        assert (tmp_path / "receipts" / f"{digest}.json").read_bytes() == bench.receipts.read(
            entry.digest
        )


@pytest.mark.parametrize("step", [Step.FROZEN, Step.DELETING, Step.KEYS_DESTROYED, Step.ISSUED])
def test_an_erasure_goes_on_after_a_kill(tmp_path: Path, step: Step) -> None:
    """Nothing of the assistant is left, and no receipt says so too early."""
    now_ms, _ = seed_folder(tmp_path)
    purge_and_die(tmp_path, now_ms, (step, "before"), Trigger.ASSISTANT_DELETED)
    with open_bench(tmp_path, ManualClock(now_ms)) as bench:
        assert check_receipts(bench) == []
        bench.run(Trigger.ASSISTANT_DELETED)
        assert set(check_receipts(bench)) == {Outcome.COMPLETE}
        tables = ("messages", "journal", "memories", "audit_details", "data_keys")
        assert {bench.count_rows(table) for table in tables} == {0}
