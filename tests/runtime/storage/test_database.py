"""The database: durable, grouped, isolated, honest about a full disk, and clean after deletion."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from steward_core import open_database
from steward_runtime.errors import StorageClosed, StorageError, StorageFull
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

MARKER = b"marker-5b1f-of-a-deleted-row"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        opened.write_now(lambda c: c.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, b BLOB)"))
        yield opened


def _insert(connection: Connection, number: int, content: bytes = b"x") -> int:
    connection.execute("INSERT INTO notes (id, b) VALUES (?, ?)", (number, content))
    return number


def _list_ids(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM notes ORDER BY id")]


async def test_returns_what_the_function_returns(database: Database) -> None:
    """A write hands its result back, and a read sees it."""
    assert await database.write(lambda c: _insert(c, 7)) == 7
    assert await database.read(_list_ids) == [7]


async def test_functions_that_wait_together_share_one_commit(database: Database) -> None:
    """A hundred concurrent writes cost far fewer than a hundred commits."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        gate.wait(10)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    commits, writes = database.commits, database.writes
    waiting = [
        asyncio.create_task(database.write(partial(_insert, number=number)))
        for number in range(100)
    ]
    await asyncio.sleep(0)  # lets every task submit its function
    gate.set()
    await asyncio.gather(holding, *waiting)
    assert database.commits - commits == 2  # the one that held, and all the others
    assert database.writes - writes == 101


async def test_one_that_fails_takes_nothing_with_it(database: Database) -> None:
    """Functions of the same commit are isolated by savepoints."""

    def fail(connection: Connection) -> None:
        _insert(connection, 2)
        raise LookupError("on purpose")

    results = await asyncio.gather(
        database.write(lambda c: _insert(c, 1)),
        database.write(fail),
        database.write(lambda c: _insert(c, 3)),
        return_exceptions=True,
    )
    assert isinstance(results[1], LookupError)
    assert await database.read(_list_ids) == [1, 3]


async def test_success_is_told_after_the_commit_is_durable(database: Database) -> None:
    """What was acknowledged is seen by another connection at once."""
    await database.write(lambda c: _insert(c, 1))
    with sqlite3.connect(database.path) as other:
        assert other.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    other.close()


async def test_after_commit_runs_for_kept_work_only(database: Database) -> None:
    """A function that failed is not notified; one that was committed is."""
    told: list[str] = []

    def keep(connection: Connection) -> None:
        connection.after_commit.append(lambda: told.append("kept"))

    def fail(connection: Connection) -> None:
        connection.after_commit.append(lambda: told.append("failed"))
        raise LookupError("on purpose")

    await asyncio.gather(database.write(keep), database.write(fail), return_exceptions=True)
    assert told == ["kept"]


async def test_a_full_disk_acknowledges_nothing(tmp_path: Path) -> None:
    """The write fails with StorageFull, and later small ones work again."""
    with open_database(tmp_path, page_count_max=60) as database:
        await database.write(lambda c: c.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, b)"))
        with pytest.raises(StorageFull) as caught:
            await database.write(lambda c: _insert(c, 1, b"x" * 1_000_000))
        assert (caught.value.status, caught.value.reason) == (503, "StorageFull")
        assert await database.read(_list_ids) == []
        assert await database.write(lambda c: _insert(c, 2)) == 2


async def test_an_error_quotes_no_values(database: Database) -> None:
    """SQLite's own text may quote content, so ours replaces it."""
    await database.write(lambda c: _insert(c, 1))
    with pytest.raises(StorageError) as caught:
        await database.write(lambda c: c.execute("SELECT 'marker-5b1f' FROM missing"))
    assert "marker-5b1f" not in str(caught.value)


def test_deleted_rows_leave_no_bytes(database: Database) -> None:
    """After a checkpoint neither database nor log holds what was deleted."""
    database.write_now(lambda c: [_insert(c, n, MARKER * 100) for n in range(50)])
    assert _count_marker(database.path) > 0
    database.write_now(lambda c: c.execute("DELETE FROM notes"))
    database.checkpoint_now()
    assert _count_marker(database.path) == 0


def _count_marker(path: Path) -> int:
    files = path.parent.glob(path.name + "*")
    return sum(file.read_bytes().count(MARKER) for file in files)


async def test_every_connection_is_set_up_the_same_way(database: Database) -> None:
    """Durable commits, erased deletions and no temporary files are not left to defaults."""

    def read(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "temp_store")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    wanted = ["wal", 2, 1, 1, 2]
    assert await database.write(read) == wanted
    assert await database.read(read) == wanted


async def test_readers_cannot_write(database: Database) -> None:
    """A read that tries to change something fails."""
    with pytest.raises(StorageError):
        await database.read(lambda c: _insert(c, 1))


async def test_a_read_sees_one_snapshot(database: Database) -> None:
    """What is committed during a read is not seen by it."""

    def read_around_a_write(connection: Connection) -> tuple[list[int], list[int]]:
        before = _list_ids(connection)
        database.write_now(lambda c: _insert(c, 1))
        return before, _list_ids(connection)

    assert await database.read(read_around_a_write) == ([], [])
    assert await database.read(_list_ids) == [1]


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    """Whoever comes too late is told to try the next runtime."""
    with open_database(tmp_path) as database:
        pass
    with pytest.raises(StorageClosed):
        await database.write(_list_ids)
    with pytest.raises(StorageClosed):
        await database.read(_list_ids)
    database.close()


def test_what_was_submitted_before_closing_is_kept(tmp_path: Path) -> None:
    """Closing finishes the queue."""
    with open_database(tmp_path) as database:
        database.write_now(lambda c: c.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, b)"))
        threads = [
            threading.Thread(target=database.write_now, args=(partial(_insert, number=number),))
            for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with open_database(tmp_path) as again:
        assert len(again.read_now(_list_ids)) == 20


def test_refuses_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Opening garbage names the file and what to check."""
    (tmp_path / "steward.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StorageError, match=r"steward\.db"):
        Database(tmp_path)


async def test_the_files_are_for_their_owner_only(database: Database) -> None:
    """Database, log and index of the log have mode 0600."""
    await database.write(lambda c: _insert(c, 1))
    files = list(database.path.parent.glob(database.path.name + "*"))
    assert {file.name for file in files} == {"steward.db", "steward.db-wal", "steward.db-shm"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
