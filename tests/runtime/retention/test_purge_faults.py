"""What faults do to a purge: forgotten deletes, stray copies, readers that hold it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from steward_api.receipt import Outcome, Place, ResidueReason
from steward_purge import (
    KEEP_SECONDS,
    ForgetfulStore,
    PurgeBench,
    open_bench,
    seed_all,
    seed_memory,
)
from steward_runtime.clock import ManualClock
from steward_runtime.retention.runs import Run, RunOutcome
from steward_runtime.storage.connection import Connection


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path / "data", clock) as made:
        yield made


def test_a_forgotten_delete_makes_the_receipt_partial(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Rows are counted, bytes are found, and neither is smoothed over."""
    seeded = seed_all(bench)
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    bench.wrap_stores = lambda stores: (
        ForgetfulStore(stores[0], seeded[0].record_id),
        *stores[1:],
    )
    run, claim = bench.run_one()
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
    clock.move(KEEP_SECONDS)
    bench.wrap_stores = lambda stores: (
        ForgetfulStore(stores[0], seeded[0].record_id),
        *stores[1:],
    )
    bench.run()
    assert bench.count_rows("data_keys") == 0
    bench.wrap_stores = tuple
    _, claim = bench.run_one()
    assert claim.outcome is Outcome.COMPLETE
    assert claim.log_size == 1
    assert bench.count_rows("messages") == 0


def test_a_copy_in_the_free_space_of_a_page_is_rewritten(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """Page splits leave stale copies that deletion does not zero; the scan notices them."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
    (locator,) = bench.database.read_now(
        lambda c: c.execute("SELECT locator FROM journal LIMIT 1").fetchone()
    )
    ordinary = bench.find_bytes(locator)
    plant_in_free_space(bench, locator)
    assert bench.find_bytes(locator) == ordinary + 8
    _, claim = bench.run_one()
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
    clock.move(KEEP_SECONDS)
    _, claim = bench.run_one()
    assert [r.reason for r in claim.exceptions] == [ResidueReason.BYTES_FOUND]
    assert [scan.place for scan in claim.places if scan.hits_after] == [place]


def test_a_reader_holds_up_the_purge_until_it_is_done(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """The write-ahead log is cut once nobody reads it any more; the run waits."""
    seed_all(bench)
    clock.move(KEEP_SECONDS)
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
