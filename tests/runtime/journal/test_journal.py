"""The journal's rows: durable, sealed, in order, and bound to their place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_core import KEK, open_database
from steward_core.histories import LABEL, replied, requested
from steward_runtime.clock import ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import DataKeyDestroyed, SealBroken, StorageError
from steward_runtime.journal.journal import Journal, Step
from steward_runtime.journal.records import RecordType, encode_event
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.turn import events

MARKER = "marker-9c2e-said-by-alice"
HISTORY = (
    requested(MARKER),
    events.ModelStarted(1),
    replied("", "lookup"),
    events.ToolFinished("1.0", MARKER, LABEL),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def journal(database: Database) -> Journal:
    """Return a journal on it."""
    return Journal(database, Keyring(KEK, "kek-1", ManualClock()))


def _step(*history: events.Event, first_seq: int = 1, task_id: str = "task_1") -> Step:
    records = tuple(encode_event(event) for event in history)
    return Step(task_id, "alice", first_seq, 5_000, records)


async def test_reads_back_what_was_appended(journal: Journal) -> None:
    """Events come back in order, with number, type, time and labels."""
    await journal.append(_step(*HISTORY[:2]))
    await journal.append(_step(*HISTORY[2:], first_seq=3))
    entries = await journal.read("task_1")
    assert tuple(entry.event for entry in entries) == HISTORY
    assert [entry.seq for entry in entries] == [1, 2, 3, 4]
    assert entries[0].type is RecordType.TASK_ACCEPTED
    assert entries[0].at_ms == 5_000
    assert entries[3].labels == (LABEL,)


async def test_a_step_is_one_commit(journal: Journal, database: Database) -> None:
    """However many records it has, it costs one fsync."""
    commits = database.commits
    await journal.append(_step(*HISTORY))
    assert database.commits - commits == 1


async def test_a_step_is_all_or_nothing(journal: Journal, database: Database) -> None:
    """A number that is taken undoes the whole step, rows beside it included."""
    await journal.append(_step(HISTORY[0]))
    marks: list[str] = []

    def mark(connection: Connection) -> None:
        marks.append("ran")
        connection.execute("INSERT INTO blueprints VALUES ('sha256:x', x'00', 0)")

    records = tuple(encode_event(event) for event in HISTORY[1:3])
    with pytest.raises(StorageError):
        await journal.append(Step("task_1", "alice", 1, 5_000, records, (mark,)))
    assert marks == ["ran"]
    assert len(await journal.read("task_1")) == 1
    counted = await database.read(lambda c: c.execute("SELECT count(*) FROM blueprints").fetchone())
    assert counted == (0,)


async def test_no_content_is_on_disk(journal: Journal, database: Database) -> None:
    """Neither database nor log holds what was said."""
    await journal.append(_step(*HISTORY))
    for file in database.path.parent.glob(database.path.name + "*"):
        assert MARKER.encode() not in file.read_bytes()


async def test_a_row_that_was_moved_does_not_open(journal: Journal, database: Database) -> None:
    """Locator and label are bound to the content."""
    await journal.append(_step(*HISTORY))
    await database.write(
        lambda c: c.execute(
            "UPDATE journal SET locator = (SELECT locator FROM journal WHERE seq = 1) WHERE seq = 2"
        )
    )
    with pytest.raises(SealBroken, match="journal"):
        await journal.read("task_1")


async def test_every_task_has_a_key_of_its_own(journal: Journal, database: Database) -> None:
    """Destroying it leaves other tasks of the same person readable."""
    await journal.append(_step(*HISTORY))
    await journal.append(_step(*HISTORY, task_id="task_2"))
    keyring = Keyring(KEK, "kek-1", ManualClock())
    key_id = await database.read(
        lambda c: c.execute("SELECT key_id FROM journal WHERE task_id = 'task_1'").fetchone()[0]
    )
    await database.write(lambda c: keyring.destroy(c, key_id))
    fresh = Journal(database, keyring)
    with pytest.raises(DataKeyDestroyed):
        await fresh.read("task_1")
    assert len(await fresh.read("task_2")) == len(HISTORY)


async def test_an_unknown_task_has_no_records(journal: Journal) -> None:
    """Absent is empty, not an error."""
    assert await journal.read("task_9") == ()
