"""Reads what a runtime journaled, with the key that the tests wrote."""

from __future__ import annotations

from pathlib import Path

from steward_runtime.clock import SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.journal.journal import Entry, Journal
from steward_runtime.storage.database import Database

KEK = b"\x01" * 32


async def read_journal(data: Path) -> dict[str, tuple[Entry, ...]]:
    """Return the records of every task; call it while no runtime has the database open."""
    database = Database(data)
    try:
        journal = Journal(database, Keyring(KEK, "kek-1", SystemClock()))
        rows = database.read_now(
            lambda connection: connection.execute("SELECT task_id FROM tasks").fetchall()
        )
        return {row[0]: await journal.read(row[0]) for row in rows}
    finally:
        database.close()
