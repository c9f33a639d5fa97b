"""Opening SQLite the one way: durable commits, erased deletions, nothing in temporary files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from steward_runtime.errors import StorageError

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a statement waits for a lock of another process, such as a purge of a stopped
runtime."""
STATEMENTS_CACHED: Final = 256
"""Compiled statements per connection; the rooms together have fewer."""


class Connection(sqlite3.Connection):
    """A connection that can tell its users when their transaction is durable.

    `after_commit` holds functions that run on the writer thread once the shared commit is durable;
    those of a function that failed are dropped. `is_writer` tells the one writing connection from
    those that read.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.after_commit: list[Callable[[], None]] = []
        self.is_writer = False


def open_connection(
    path: Path, *, is_reader: bool = False, page_count_max: int | None = None
) -> Connection:
    """Open the database file, creating it unless `is_reader`.

    Raises:
        StorageError: if it cannot be opened or is no database.
    """
    with ExitStack() as on_failure:
        try:
            path.touch(mode=0o600)
            connection = sqlite3.connect(
                path,
                factory=Connection,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=STATEMENTS_CACHED,
            )
            on_failure.callback(connection.close)
            _configure(connection, is_reader=is_reader, page_count_max=page_count_max)
        except (OSError, sqlite3.Error) as fault:
            raise StorageError(
                f"the database {path} could not be opened ({type(fault).__name__}): check that the "
                "volume is mounted, writable and not full"
            ) from fault
        on_failure.pop_all()
        return connection


def _configure(connection: Connection, *, is_reader: bool, page_count_max: int | None) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    if is_reader:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.is_writer = True
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    for pragma in ("synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA temp_store = MEMORY")
    if page_count_max is not None:
        connection.execute(f"PRAGMA max_page_count = {page_count_max}").fetchone()
