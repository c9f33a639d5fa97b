"""The purge on real files: what goes, what stays, and what the receipt says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.receipt import NeedleKind, Outcome, ReceiptPredicate, ResidueReason
from steward_purge import (
    KEEP_SECONDS,
    PLAIN,
    PurgeBench,
    build_windows,
    open_bench,
    seed_all,
    seed_conversation,
    seed_memory,
)
from steward_runtime.clock import ManualClock
from steward_runtime.retention.runs import RunOutcome
from steward_runtime.storage.connection import Connection

TABLES = ("conversations", "messages", "tasks", "journal", "ledger", "memories", "audit_details")


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path / "data", clock) as made:
        yield made


def find_counts(claim: ReceiptPredicate, kind: NeedleKind) -> tuple[int, int, int]:
    """Sum searched, found before and found after over all stores."""
    counts = [n for store in claim.stores for n in store.needles if n.kind is kind]
    return (
        sum(n.searched for n in counts),
        sum(n.found_before for n in counts),
        sum(n.found_after for n in counts),
    )


def test_everything_due_goes_and_the_receipt_is_complete(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Every kind of needle is found before and none after; rows and keys are gone."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    run, claim = bench.run_one()
    assert run.outcome is RunOutcome.COMPLETE
    assert claim.outcome is Outcome.COMPLETE
    for kind in NeedleKind:
        searched, before, after = find_counts(claim, kind)
        assert searched == before > 0
        assert after == 0
    assert {bench.count_rows(table) for table in (*TABLES, "data_keys", "frozen")} == {0}


def test_what_is_not_due_is_intact(bench: PurgeBench, clock: ManualClock) -> None:
    """Not-yet-due rows keep their bytes, their keys and their counts."""
    seed_all(bench)
    clock.move(1)
    seed_all(bench, subject="bob")
    snapshot = snapshot_of(bench, "bob")
    clock.move(KEEP_SECONDS - 1)
    _, claim = bench.run_one()
    assert [row.deleted for row in claim.classes] == [1, 1, 1, 1]
    assert snapshot_of(bench, "bob") == snapshot
    assert snapshot_of(bench, "ada") == []


def snapshot_of(bench: PurgeBench, subject: str) -> list[tuple[object, ...]]:
    """Return all rows of a subject with everything in them, keys included."""

    def read(connection: Connection) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for choice in (
            "* FROM conversations",
            "messages.* FROM messages JOIN conversations USING (conversation_id)",
            "* FROM tasks",
            "journal.* FROM journal JOIN tasks USING (task_id)",
            "ledger.* FROM ledger JOIN tasks USING (task_id)",
            "* FROM memories",
            "* FROM audit_details",
            "* FROM data_keys",
        ):
            rows += connection.execute(
                f"SELECT {choice} WHERE subject = ?", (subject,)
            ).fetchall()  # names of the tests
        return rows

    return bench.database.read_now(read)


def test_a_second_too_early_nothing_is_due(bench: PurgeBench, clock: ManualClock) -> None:
    """The boundary of the window is exact, and a run without due records makes no receipt."""
    seed_all(bench)
    clock.move(KEEP_SECONDS - 0.001)
    (run,) = bench.run()
    assert (run.outcome, run.receipt_digest) == (RunOutcome.NOTHING_DUE, None)
    clock.move(0.001)
    assert bench.run()[0].outcome is RunOutcome.COMPLETE


def test_plaintext_is_found_neither_before_nor_after(bench: PurgeBench, clock: ManualClock) -> None:
    """Content never reaches the files in clear."""
    markers = [seeded.marker for seeded in seed_all(bench)]
    assert bench.find_bytes(*markers) == 0
    clock.move(KEEP_SECONDS)
    bench.run()
    assert bench.find_bytes(*markers) == 0


def test_a_control_run_without_encryption_shows_that_the_scanner_sees(
    tmp_path: Path, clock: ManualClock
) -> None:
    """With the cipher taken out the same search finds every marker before and none after."""
    with open_bench(tmp_path, clock, encryption=PLAIN) as bench:
        seeded = seed_all(bench)
        for each in seeded:
            assert bench.find_bytes(each.marker) > 0, each.store
        clock.move(KEEP_SECONDS)
        _, claim = bench.run_one()
        assert claim.outcome is Outcome.COMPLETE
        assert bench.find_bytes(*(each.marker for each in seeded)) == 0


def test_a_key_in_use_by_later_records_stays(bench: PurgeBench, clock: ManualClock) -> None:
    """Memory shares a key per subject and class: it goes with the last record."""
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(1)
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS - 1)
    _, claim = bench.run_one()
    assert (claim.outcome, claim.keys_destroyed) == (Outcome.COMPLETE, 0)
    assert bench.count_rows("data_keys") == 1
    clock.move(1)
    _, claim = bench.run_one()
    assert claim.keys_destroyed == 1
    assert bench.count_rows("data_keys") == 0


def test_a_backlog_goes_in_bounded_runs_with_a_receipt_each(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Each states what it postponed; the last one is Complete."""
    for _ in range(5):
        seed_conversation(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    bench.rows_max = 6
    done = bench.run()
    claims = [bench.read_claim(run) for run in done]
    assert [claim.classes[0].deleted for claim in claims] == [2, 2, 1]
    assert [claim.classes[0].due for claim in claims] == [5, 3, 1]
    assert [claim.outcome for claim in claims] == [
        Outcome.PARTIAL,
        Outcome.PARTIAL,
        Outcome.COMPLETE,
    ]
    assert claims[0].exceptions[0].reason is ResidueReason.POSTPONED


def test_one_record_with_more_rows_than_a_run_goes_all_the_same(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """A long conversation cannot escape by its length."""
    seed_conversation(bench.database, bench.keyring, clock.now_ms(), messages=30)
    clock.move(KEEP_SECONDS)
    bench.rows_max = 10
    _, claim = bench.run_one()
    assert (claim.outcome, claim.stores[0].rows_deleted) == (Outcome.COMPLETE, 31)


def test_a_long_message_is_searched_page_by_page(bench: PurgeBench, clock: ManualClock) -> None:
    """Ciphertext that SQLite spreads over many pages is seen and gone."""
    seed_conversation(bench.database, bench.keyring, clock.now_ms(), length=100_000)
    clock.move(KEEP_SECONDS)
    _, claim = bench.run_one()
    database = claim.places[0]
    assert claim.outcome is Outcome.COMPLETE
    assert database.hits_before > 2 * 90


def test_receipts_form_a_chain_with_the_audit_log(bench: PurgeBench, clock: ManualClock) -> None:
    """Each names the one before, and stands in the audit chain behind its last leaf."""
    claims = []
    for _ in range(3):
        seed_all(bench)
        clock.move(KEEP_SECONDS)
        run, claim = bench.run_one()
        claims.append((run.receipt_digest, claim))
    assert [claim.log_size for _, claim in claims] == [0, 1, 2]
    assert claims[2][1].previous_digest == claims[1][0]
    heads = bench.database.read_now(
        lambda c: c.execute("SELECT seq, head FROM audit_leaves ORDER BY seq").fetchall()
    )
    for _, claim in claims:
        assert claim.audit is not None
        assert (claim.audit.seq, bytes.fromhex(claim.audit.head)) in heads


def test_declared_backups_have_their_horizon_in_the_receipt(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Copies that we cannot reach are stated with the day on which they are gone."""
    bench.windows = build_windows(backup_seconds={"nightly": 86_400})
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    _, claim = bench.run_one()
    assert claim.outcome is Outcome.COMPLETE
    assert [(b.name, b.gone_after) for b in claim.backups] == [("nightly", "2023-11-15T22:14:20Z")]


def test_open_scopes_of_memory_are_closed(bench: PurgeBench, clock: ManualClock) -> None:
    """What was opened before the purge is not recalled after it."""
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    mark = bench.cache.begin()
    clock.move(KEEP_SECONDS)
    bench.run()
    assert bench.cache.begin() > mark


def test_the_state_of_a_run_dies_with_it(bench: PurgeBench, clock: ManualClock) -> None:
    """No key of the run, no sealed state and no frozen record is left."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    bench.run()
    row = bench.database.read_now(
        lambda c: c.execute("SELECT key_id, nonce, sealed FROM purge_runs").fetchone()
    )
    assert row == (None, None, None)
    assert bench.count_rows("frozen") == 0
    assert bench.count_rows("data_keys") == 0
