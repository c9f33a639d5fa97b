"""Migrations: numbered SQL files that only expand, applied in order when the database is opened.

A runtime of the version before can open the database, because nothing that it knows is renamed or
dropped. A change that breaks this raises `oldest_reader` in the table `storage_format`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_runtime.errors import StorageTooNew

MIGRATIONS_DIRECTORY: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; `number` is the first four characters of its name."""

    number: int
    name: str
    sql: str


def gather_migrations(directory: Path = MIGRATIONS_DIRECTORY) -> tuple[Migration, ...]:
    """Read every migration in order.

    Raises:
        ValueError: if numbers have a gap or appear twice.
    """
    found = tuple(
        Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob("*.sql"))
    )
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations in {directory.name}/ must be numbered 0001, 0002, ...")
    return found


def apply_migrations(
    connection: sqlite3.Connection, place: str, migrations: tuple[Migration, ...] | None = None
) -> int:
    """Apply what is missing, each in a transaction of its own; return how many were applied.

    Raises:
        StorageTooNew: if the database says that this runtime is too old to open it.
    """
    known = gather_migrations() if migrations is None else migrations
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > 0:
        (oldest_reader,) = connection.execute("SELECT oldest_reader FROM storage_format").fetchone()
        if oldest_reader > len(known):
            raise StorageTooNew(
                f"the database {place} was written by a newer runtime (format {version}) and "
                f"needs at least format {oldest_reader}; this one knows {len(known)}: "
                "start the newer version again"
            )
    missing = known[version:]
    for migration in missing:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA user_version = {migration.number};\nCOMMIT;"
        )
    return len(missing)
