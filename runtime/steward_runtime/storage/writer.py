"""The writer thread: many functions, one transaction, one fsync."""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from steward_runtime.errors import StorageClosed, StorageError, StorageFull
from steward_runtime.storage.connection import Connection

BATCH_MAX: Final = 256
"""Functions that share one commit at most, so that the first of them does not wait long."""
ROOM_BYTES_MIN: Final = 1_048_576
"""With less free space than this, an I/O error of SQLite counts as a full disk."""


class Submission:
    """One function and the future that waits for it.

    Args:
        work: the function; it gets the writing connection.
        future: where result or error go after the commit.
        loop: event loop of an asyncio future; None for a blocking caller.
        is_alone: run outside of any transaction, between two batches.
    """

    __slots__ = ("error", "future", "is_alone", "loop", "result", "work")

    def __init__(
        self,
        work: Callable[[Connection], Any],
        future: asyncio.Future[Any] | Future[Any],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        is_alone: bool = False,
    ) -> None:
        self.work = work
        self.future = future
        self.loop = loop
        self.is_alone = is_alone
        self.result: Any = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        """Hand result or error to whoever waits, on the right thread."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Owns the writing connection and commits in groups.

    Args:
        connection: the writing connection; nobody else may use it from now on.
        path: file of the database, for messages and to look for free space.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self.commits = 0
        self.writes = 0
        self._connection = connection
        self._path = path
        self._queue: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
        self._is_closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="steward-write", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Queue a function.

        Raises:
            StorageClosed: if the database is closed.
        """
        with self._lock:
            if self._is_closed:
                raise StorageClosed(
                    f"the database {self._path} is closed because the runtime stops: send it "
                    "again to the next one"
                )
            self._queue.put(submission)

    def close(self) -> None:
        """Run what is queued, then stop the thread and close the connection."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        is_running = True
        while is_running:
            batch, alone, is_running = self._next_batch()
            if batch:
                self._commit(batch)
                _deliver(batch)
            if alone is not None:
                self._run_alone(alone)
                _deliver((alone,))

    def _next_batch(self) -> tuple[list[Submission], Submission | None, bool]:
        """Wait for one submission and take what else is there: (batch, alone, keep running)."""
        batch: list[Submission] = []
        item = self._queue.get()
        while True:
            if item is None:
                return batch, None, False
            if item.is_alone:
                return batch, item, True
            batch.append(item)
            if len(batch) >= BATCH_MAX:
                return batch, None, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, None, True

    def _commit(self, batch: Sequence[Submission]) -> None:
        connection = self._connection
        connection.after_commit.clear()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for item in batch:
                self._run_in_savepoint(item)
            connection.execute("COMMIT")
        except sqlite3.Error as fault:
            self._roll_back(batch, fault)
            return
        self.commits += 1
        self.writes += len(batch)
        for notify in connection.after_commit:
            notify()

    def _run_in_savepoint(self, item: Submission) -> None:
        """Run one function; on failure undo it alone.

        Raises:
            sqlite3.Error: if the whole transaction is lost.
        """
        connection = self._connection
        notifications = len(connection.after_commit)
        connection.execute("SAVEPOINT item")
        try:
            item.result = item.work(connection)
        except BaseException as fault:  # the caller gets whatever its function raised
            del connection.after_commit[notifications:]
            item.error = self._explain(fault) if isinstance(fault, sqlite3.Error) else fault
            if not connection.in_transaction:
                # SQLite rolls the whole transaction back on a full disk or an I/O error
                # (https://sqlite.org/lang_transaction.html, "response to errors").
                raise sqlite3.OperationalError("the transaction was rolled back") from fault
            connection.execute("ROLLBACK TO item")
        connection.execute("RELEASE item")

    def _roll_back(self, batch: Sequence[Submission], fault: sqlite3.Error) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._connection.after_commit.clear()
        cause = fault.__cause__ if isinstance(fault.__cause__, sqlite3.Error) else fault
        for item in batch:
            if item.error is None:
                item.error = self._explain(cause)

    def _run_alone(self, item: Submission) -> None:
        try:
            item.result = item.work(self._connection)
        except sqlite3.Error as fault:
            item.error = self._explain(fault)
        except BaseException as fault:  # noqa: BLE001 # the caller gets whatever its function raised
            item.error = fault

    def _explain(self, fault: sqlite3.Error) -> StorageError:
        """Return our error for one of SQLite's, without its text: that may quote values."""
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        error: StorageError
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and not self._has_room()):
            error = StorageFull(
                f"the database {self._path} is full, so nothing was written: enlarge the volume "
                "or shorten the retention windows",
                retry_after_seconds=30,
            )
        else:
            name = getattr(fault, "sqlite_errorname", type(fault).__name__)
            error = StorageError(
                f"the database {self._path} could not be written ({name}): check the volume and "
                "try again"
            )
        error.__cause__ = fault
        return error

    def _has_room(self) -> bool:
        try:
            room = os.statvfs(self._path.parent)
        except OSError as fault:
            return fault.errno != errno.ENOSPC
        return room.f_bavail * room.f_frsize >= ROOM_BYTES_MIN


def _deliver(batch: Sequence[Submission]) -> None:
    """Wake whoever waits: one wake-up per event loop, however many functions were committed."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Submission]] = {}
    for item in batch:
        if item.loop is None:
            item.deliver()
        else:
            by_loop.setdefault(item.loop, []).append(item)
    for loop, items in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(_deliver_all, items)


def _deliver_all(items: Sequence[Submission]) -> None:
    for item in items:
        item.deliver()
