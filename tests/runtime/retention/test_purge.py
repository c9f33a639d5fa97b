"""The purge on real files: what goes, what stays, what the receipt says, and what faults do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from steward_api.receipt import NeedleKind, Outcome, Place, ReceiptPredicate, ResidueReason
from steward_api.v1alpha1.retention_policy import DataClass
from steward_purge import (
    KEEP_SECONDS,
    PLAIN,
    ForgetfulStore,
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
from steward_runtime.errors import StorageError
from steward_runtime.retention.purge import HELD_AS_BEFORE
from steward_runtime.retention.runs import Run, RunOutcome, Step
from steward_runtime.retention.windows import Hold
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


def seed_all(bench: PurgeBench, *, subject: str = "ada") -> list[Seeded]:
    """Write one record of every class now."""
    now_ms = bench.clock.now_ms()
    return [
        seed(bench.database, bench.keyring, now_ms, subject=subject)
        for seed in (seed_conversation, seed_task, seed_memory, seed_audit)
    ]


def age(clock: ManualClock) -> None:
    """Let every window pass."""
    clock.move(KEEP_SECONDS)


def run_one(bench: PurgeBench) -> tuple[Run, ReceiptPredicate]:
    """Run one purge that issues a receipt."""
    (run,) = bench.run()
    return run, bench.read_claim(run)


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
    age(clock)
    run, claim = run_one(bench)
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
    _, claim = run_one(bench)
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
    age(clock)
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
        age(clock)
        _, claim = run_one(bench)
        assert claim.outcome is Outcome.COMPLETE
        assert bench.find_bytes(*(each.marker for each in seeded)) == 0


def test_a_key_in_use_by_later_records_stays(bench: PurgeBench, clock: ManualClock) -> None:
    """Memory shares a key per subject and class: it goes with the last record."""
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(1)
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS - 1)
    _, claim = run_one(bench)
    assert (claim.outcome, claim.keys_destroyed) == (Outcome.COMPLETE, 0)
    assert bench.count_rows("data_keys") == 1
    clock.move(1)
    _, claim = run_one(bench)
    assert claim.keys_destroyed == 1
    assert bench.count_rows("data_keys") == 0


def test_a_forgotten_delete_makes_the_receipt_partial(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Rows are counted, bytes are found, and neither is smoothed over."""
    seeded = seed_all(bench)
    seed_all(bench)
    age(clock)
    bench.wrap_stores = lambda stores: (
        ForgetfulStore(stores[0], seeded[0].record_id),
        *stores[1:],
    )
    run, claim = run_one(bench)
    assert run.outcome is RunOutcome.PARTIAL
    reasons = {(residue.reason, residue.store) for residue in claim.exceptions}
    assert reasons == {
        (ResidueReason.DELETE_FAILED, "conversations"),
        (ResidueReason.BYTES_FOUND, "conversations"),
    }
    store = claim.stores[0]
    assert (store.rows_due, store.rows_deleted, store.rows_left) == (6, 3, 3)
    assert all(needle.found_after == 2 for needle in store.needles)
    assert claim.classes[0].deleted == 1


def test_the_next_run_takes_what_was_forgotten(bench: PurgeBench, clock: ManualClock) -> None:
    """Its key is gone already, so it was unreadable meanwhile."""
    seeded = seed_all(bench)
    age(clock)
    bench.wrap_stores = lambda stores: (
        ForgetfulStore(stores[0], seeded[0].record_id),
        *stores[1:],
    )
    bench.run()
    assert bench.count_rows("data_keys") == 0
    bench.wrap_stores = tuple
    _, claim = run_one(bench)
    assert claim.outcome is Outcome.COMPLETE
    assert claim.log_size == 1
    assert bench.count_rows("messages") == 0


def test_a_copy_in_the_free_space_of_a_page_is_rewritten(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Page splits leave stale copies that deletion does not zero; the scan notices them."""
    seed_all(bench)
    age(clock)
    (locator,) = bench.database.read_now(
        lambda c: c.execute("SELECT locator FROM journal LIMIT 1").fetchone()
    )
    ordinary = bench.find_bytes(locator)
    plant_in_free_space(bench, locator)
    assert bench.find_bytes(locator) == ordinary + 8
    _, claim = run_one(bench)
    assert claim.outcome is Outcome.COMPLETE
    assert bench.find_bytes(locator) == 0


def plant_in_free_space(bench: PurgeBench, value: bytes) -> None:
    """Leave eight copies of some bytes where a page split leaves them: in unused space."""

    def plant(connection: Connection) -> None:
        connection.execute("CREATE TABLE planted (body BLOB)")
        connection.execute("INSERT INTO planted VALUES (?)", (value * 8,))
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("DELETE FROM planted")
        connection.execute("PRAGMA secure_delete = ON")

    bench.database.write_now(plant)


def test_a_hold_keeps_its_class_and_says_so(bench: PurgeBench, clock: ManualClock) -> None:
    """Everything else goes; the receipt names the hold and is Partial."""
    seed_all(bench)
    age(clock)
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    run, claim = run_one(bench)
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
    age(clock)
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
    age(clock)
    bench.windows = build_windows(Hold("court-order", DataClass.CONVERSATIONS))
    bench.run()
    bench.windows = build_windows()
    _, claim = run_one(bench)
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
    age(clock)
    bench.observer = HoldingObserver(bench, Step.DELETING)
    _, claim = run_one(bench)
    assert bench.count_rows("memories") == 1
    memory = claim.stores[2]
    assert (memory.store, memory.rows_due, memory.needles) == ("memory", 0, ())
    assert claim.classes[2].held == 1
    assert [(r.reason, r.hold) for r in claim.exceptions] == [(ResidueReason.HELD, "late")]
    assert bench.count_rows("data_keys") == 1


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
    age(clock)
    observer = WritingObserver(bench, seeded.record_id, Step.FROZEN)
    bench.observer = observer
    _, claim = run_one(bench)
    assert not observer.refused
    assert bench.count_rows("messages") == 2
    assert [row.due for row in claim.classes] == [0, 0, 1, 0]
    assert claim.outcome is Outcome.COMPLETE


def test_a_frozen_record_takes_no_more_writes(bench: PurgeBench, clock: ManualClock) -> None:
    """A write that comes too late is refused, so nothing acknowledged is deleted."""
    seeded = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    age(clock)
    observer = WritingObserver(bench, seeded.record_id, Step.SURVEYED)
    bench.observer = observer
    _, claim = run_one(bench)
    assert observer.refused
    assert claim.outcome is Outcome.COMPLETE
    assert bench.count_rows("messages") == 0


def test_if_all_due_records_are_written_again_nothing_is_claimed(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """A run that found nothing to delete in the end makes no receipt."""
    seeded = seed_conversation(bench.database, bench.keyring, clock.now_ms())
    age(clock)
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
    age(clock)
    (run,) = bench.run()
    assert run.outcome is RunOutcome.NOTHING_DUE


def test_a_backlog_goes_in_bounded_runs_with_a_receipt_each(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Each states what it postponed; the last one is Complete."""
    for _ in range(5):
        seed_conversation(bench.database, bench.keyring, clock.now_ms())
    age(clock)
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
    age(clock)
    bench.rows_max = 10
    _, claim = run_one(bench)
    assert (claim.outcome, claim.stores[0].rows_deleted) == (Outcome.COMPLETE, 31)


def test_a_long_message_is_searched_page_by_page(bench: PurgeBench, clock: ManualClock) -> None:
    """Ciphertext that SQLite spreads over many pages is seen and gone."""
    seed_conversation(bench.database, bench.keyring, clock.now_ms(), length=100_000)
    age(clock)
    _, claim = run_one(bench)
    database = claim.places[0]
    assert claim.outcome is Outcome.COMPLETE
    assert database.hits_before > 2 * 90


def test_receipts_form_a_chain_with_the_audit_log(bench: PurgeBench, clock: ManualClock) -> None:
    """Each names the one before, and stands in the audit chain behind its last leaf."""
    claims = []
    for _ in range(3):
        seed_all(bench)
        age(clock)
        run, claim = run_one(bench)
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
    age(clock)
    _, claim = run_one(bench)
    assert claim.outcome is Outcome.COMPLETE
    assert [(b.name, b.gone_after) for b in claim.backups] == [("nightly", "2023-11-15T22:14:20Z")]


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("logs", Place.LOGS),
        ("tmp", Place.TEMPORARY_FILES),
        ("data", Place.DATA_FOLDER),
    ],
)
def test_a_copy_outside_the_database_is_found(
    bench: PurgeBench, clock: ManualClock, folder: str, place: Place
) -> None:
    """A log line, a temporary file or a stray backup with due bytes keeps the receipt Partial."""
    root = bench.directory.parent
    for name in ("logs", "tmp"):
        (root / name).mkdir()
    bench.logs, bench.temporary = (root / "logs",), (root / "tmp",)
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    (locator,) = bench.database.read_now(
        lambda c: c.execute("SELECT locator FROM memories").fetchone()
    )
    (root / folder / "stray").write_bytes(b"..." + locator)
    age(clock)
    _, claim = run_one(bench)
    assert [r.reason for r in claim.exceptions] == [ResidueReason.BYTES_FOUND]
    assert [scan.place for scan in claim.places if scan.hits_after] == [place]


def test_a_reader_holds_up_the_purge_until_it_is_done(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """The write-ahead log is cut once nobody reads it any more; the run waits."""
    seed_all(bench)
    age(clock)
    is_reading, may_end = Event(), Event()

    def read(connection: Connection) -> None:
        connection.execute("SELECT count(*) FROM messages").fetchone()
        is_reading.set()
        may_end.wait(30)

    reader = Thread(target=lambda: bench.database.read_now(read))
    reader.start()
    assert is_reading.wait(10)
    done: list[tuple[Run, ...]] = []
    purge = Thread(target=lambda: done.append(bench.run()))
    purge.start()
    purge.join(1)
    assert purge.is_alive()
    may_end.set()
    reader.join(10)
    purge.join(60)
    assert [run.outcome for run in done[0]] == [RunOutcome.COMPLETE]


def test_open_scopes_of_memory_are_closed(bench: PurgeBench, clock: ManualClock) -> None:
    """What was opened before the purge is not recalled after it."""
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    mark = bench.cache.begin()
    age(clock)
    bench.run()
    assert bench.cache.begin() > mark


def test_the_state_of_a_run_dies_with_it(bench: PurgeBench, clock: ManualClock) -> None:
    """No key of the run, no sealed state and no frozen record is left."""
    seed_all(bench)
    age(clock)
    bench.run()
    row = bench.database.read_now(
        lambda c: c.execute("SELECT key_id, nonce, sealed FROM purge_runs").fetchone()
    )
    assert row == (None, None, None)
    assert bench.count_rows("frozen") == 0
    assert bench.count_rows("data_keys") == 0
