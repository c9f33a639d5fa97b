"""Migrations only expand, so that the version before still opens the database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from steward_runtime.errors import StorageTooNew
from steward_runtime.storage.schema import Migration, apply_migrations, gather_migrations

CONTRACTIONS = re.compile(
    r"\b(DROP|RENAME|REPLACE|DELETE)\b"
    r"|ALTER\s+TABLE\s+\w+\s+(?!ADD)"
    r"|ALTER\s+TABLE\s+\w+\s+ADD[^;]*NOT NULL(?![^;]*DEFAULT)",
    re.IGNORECASE,
)
"""What a runtime of the version before could stumble over."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


def test_migrations_are_numbered_without_gaps() -> None:
    """The number in the file name is the version of the database."""
    numbers = [migration.number for migration in gather_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("migration", gather_migrations(), ids=lambda each: each.name)
def test_a_migration_only_expands(migration: Migration) -> None:
    """Nothing is dropped, renamed or altered but by adding."""
    text = re.sub(r"--.*|CREATE TABLE[^;]*;", "", migration.sql)
    assert CONTRACTIONS.search(text) is None


def test_migrations_are_applied_once(connection: sqlite3.Connection) -> None:
    """A second opening applies nothing."""
    assert apply_migrations(connection, "test") == len(gather_migrations())
    assert apply_migrations(connection, "test") == 0


def test_a_former_version_opens_a_newer_database(connection: sqlite3.Connection) -> None:
    """The version before has fewer migrations and still opens it."""
    known = gather_migrations()
    later = Migration(len(known) + 1, "later", "CREATE TABLE later (id INTEGER);")
    apply_migrations(connection, "test", (*known, later))
    assert apply_migrations(connection, "test", known) == 0


def test_refuses_a_database_that_says_it_is_too_new(connection: sqlite3.Connection) -> None:
    """A newer runtime can raise the oldest reader; the message says what to do."""
    known = gather_migrations()
    apply_migrations(connection, "test")
    connection.execute("UPDATE storage_format SET oldest_reader = ?", (len(known) + 1,))
    with pytest.raises(StorageTooNew, match="start the newer version"):
        apply_migrations(connection, "test")


def test_a_failed_migration_changes_nothing(connection: sqlite3.Connection) -> None:
    """Each is a transaction of its own."""
    broken = Migration(1, "broken", "CREATE TABLE half (id INTEGER); SELECT * FROM missing;")
    with pytest.raises(sqlite3.OperationalError):
        apply_migrations(connection, "test", (broken,))
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_refuses_a_gap(tmp_path: Path) -> None:
    """A missing number is a mistake of whoever wrote the migration."""
    (tmp_path / "0002_late.sql").write_text("SELECT 1;")
    with pytest.raises(ValueError, match="numbered"):
        gather_migrations(tmp_path)
