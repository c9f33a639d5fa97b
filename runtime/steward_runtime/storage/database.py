"""The embedded SQLite database with group commit.

One writer thread owns the only writing connection. Functions that wait at the same time share one
transaction and so one fsync; each runs in a savepoint of its own, so that one that fails takes
nothing with it. A caller hears of success only after the commit is durable.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from steward_runtime.errors import StorageClosed, StorageError
from steward_runtime.storage.connection import Connection, open_connection
from steward_runtime.storage.schema import apply_migrations
from steward_runtime.storage.writer import Submission, Writer

T = TypeVar("T")

DATABASE_FILE: Final = "steward.db"
READERS_MAX: Final = 4
"""Reader threads: reads of one assistant are short, and more would only fight for the GIL."""


class Database:
    """The database of one assistant.

    Args:
        directory: data directory; `steward.db` is created in it.
        page_count_max: pages of 4 KiB that the file may have; None leaves it to the disk.

    Raises:
        StorageTooNew: if a newer runtime wrote the database.
        StorageError: if the database cannot be opened.
    """

    def __init__(self, directory: Path, *, page_count_max: int | None = None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = directory / DATABASE_FILE
        connection = open_connection(self.path, page_count_max=page_count_max)
        try:
            apply_migrations(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        self._writer = Writer(connection, self.path)
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="steward-read")
        self._reader_connections: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._local = threading.local()
        self._is_closed = False
        self._close_lock = threading.Lock()

    @property
    def commits(self) -> int:
        """Durable commits so far, one fsync each; for metrics and for tests that count."""
        return self._writer.commits

    @property
    def writes(self) -> int:
        """Functions that took part in a durable commit."""
        return self._writer.writes

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a durable transaction and return its result after the commit.

        `work` runs on the writer thread, so it must be quick and must not call the database again.

        Raises:
            StorageFull: if there is no room; nothing was kept.
            StorageError: if the database failed; nothing was kept.
            StorageClosed: if the database is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writer.submit(Submission(work, future, loop=loop))
        return await future

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Do the same as `write` and block; for processes without event loop."""
        future: Future[T] = Future()
        self._writer.submit(Submission(work, future))
        return future.result()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot, in a reader thread, and return its result.

        Raises:
            StorageError: if the database failed.
            StorageClosed: if the database is closed.
        """
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Do the same as `read` and block; for processes without event loop."""
        self._check_open()
        return self._readers.submit(self._read, work).result()

    def checkpoint_now(self) -> None:
        """Copy the write-ahead log into the database, cut it to zero bytes, and block until then.

        Raises:
            StorageError: if a long read kept the log from being cut; try again.
        """
        future: Future[None] = Future()
        self._writer.submit(Submission(_checkpoint, future, is_alone=True))
        future.result()

    async def checkpoint(self) -> None:
        """Do the same as `checkpoint_now` without blocking the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._writer.submit(Submission(_checkpoint, future, loop=loop, is_alone=True))
        await future

    def rewrite_now(self) -> None:
        """Write every row anew and drop the old pages; block until then.

        `secure_delete` zeroes deleted rows, but splitting a page leaves copies of moved rows in
        its free space. Needs room for a second copy of the database; `checkpoint_now` afterwards.

        Raises:
            StorageFull: if there is no room; the database is as it was.
            StorageError: if the database failed.
        """
        future: Future[None] = Future()
        self._writer.submit(Submission(_rewrite, future, is_alone=True))
        future.result()

    def close(self) -> None:
        """Finish what was submitted, then close. Safe to call twice."""
        with self._close_lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._readers.shutdown(wait=True)
        while not self._reader_connections.empty():
            self._reader_connections.get().close()
        self._writer.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection = self._reader_connection()
        try:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as fault:
            raise StorageError(
                f"the database {self.path} could not be read ({type(fault).__name__}): "
                "check the volume and try again"
            ) from fault

    def _reader_connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_connection(self.path, is_reader=True)
            self._local.connection = connection
            self._reader_connections.put(connection)
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageClosed(
                f"the database {self.path} is closed because the runtime stops: send it again "
                "to the next one"
            )


def _checkpoint(connection: Connection) -> None:
    row: tuple[Any, ...] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if row[0] != 0:
        raise StorageError(
            "the write-ahead log could not be cut because it is being read: try again"
        )


def _rewrite(connection: Connection) -> None:
    # In memory the second copy could be larger than a Pod may have; it holds living rows only.
    connection.execute("PRAGMA temp_store = FILE")
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")
