"""Memory over HTTP is judged and audited like memory of a turn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson
import pytest

from steward_runtime.audit.sink import AuditSink
from steward_runtime.clock import CountingIds, ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import NotFound
from steward_runtime.memory.scope import ScopeCache
from steward_runtime.memory.store import MemorySettings, MemoryStore
from steward_runtime.server.errors import Forbidden
from steward_runtime.server.memory_access import MemoryAccess
from steward_runtime.storage.database import Database
from steward_runtime.tasks.pinning import build_rules
from steward_runtime.turn.messages import Caller
from steward_serving import build_blueprint, build_memory, build_model

ALICE, BOB, NOBODY = Caller("key-1", "alice"), Caller("key-1", "bob"), Caller("key-1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a database."""
    opened = Database(tmp_path)
    yield opened
    opened.close()


def _build(database: Database, *, has_memory: bool = True) -> MemoryAccess:
    memory = build_memory() if has_memory else None
    blueprint = build_blueprint(build_model("http://m/v1"), memory=memory)
    clock, ids = ManualClock(), CountingIds()
    keyring = _keyring(clock)
    settings = MemorySettings(memory)
    store = MemoryStore(database, keyring, lambda: settings, clock, ids, ScopeCache())
    return MemoryAccess(store, build_rules(blueprint), database, keyring, clock, ids)


def _keyring(clock: ManualClock) -> Keyring:
    return Keyring(b"\x01" * 32, "kek-1", clock)


def _read_audit(database: Database) -> list[dict[str, object]]:
    sink = AuditSink(_keyring(ManualClock()), CountingIds())
    count = database.read_now(
        lambda c: c.execute("SELECT count(*) FROM audit_leaves").fetchone()[0]
    )
    details = [
        database.read_now(partial(sink.read_detail, seq=number)) for number in range(1, count + 1)
    ]
    return [orjson.loads(detail[1]) for detail in details if detail is not None]


async def test_keeps_and_shows_a_subjects_own_records(database: Database) -> None:
    """What one subject adds is listed for it alone, and gone after its deletion."""
    access = _build(database)
    record = await access.add(ALICE, "facts", "likes tea", None)
    assert [each.text for each in await access.list_records(ALICE, None, None)] == ["likes tea"]
    assert await access.list_records(BOB, None, None) == ()
    with pytest.raises(NotFound, match="no such memory"):
        await access.delete(BOB, record.record_id)
    await access.delete(ALICE, record.record_id)
    assert await access.list_records(ALICE, None, None) == ()


async def test_writes_every_judgement_down(database: Database) -> None:
    """Allowed and denied accesses leave an audit record each, with a digest instead of content."""
    access = _build(database)
    await access.add(ALICE, "facts", "marker-n5", None)
    with pytest.raises(Forbidden):
        await access.list_records(NOBODY, None, None)
    kept, refused = _read_audit(database)
    assert (kept["command"], kept["decision"], kept["subject"]) == ("Remember", "Allow", "alice")
    assert (refused["decision"], refused["reason"]) == ("Deny", "SubjectMissing")
    assert "marker-n5" not in str(kept)


async def test_says_how_to_name_a_subject(database: Database) -> None:
    """Without a subject there is no memory to read, write or delete."""
    access = _build(database)
    for attempt in (
        access.list_records(NOBODY, None, None),
        access.add(NOBODY, "facts", "x", None),
        access.delete(NOBODY, "mem_1"),
    ):
        with pytest.raises(Forbidden, match="Steward-Subject") as refusal:
            await attempt
        assert refusal.value.reason == "SubjectMissing"


async def test_says_that_an_assistant_has_no_memory(database: Database) -> None:
    """Without a MemoryPolicy there is nothing to find."""
    with pytest.raises(NotFound) as refusal:
        await _build(database, has_memory=False).list_records(ALICE, None, None)
    assert refusal.value.reason == "MemoryNotConfigured"


async def test_writes_once_for_one_key(database: Database) -> None:
    """The client's key makes a repeated write the same write."""
    access = _build(database)
    first = await access.add(ALICE, "facts", "likes tea", "k")
    second = await access.add(ALICE, "facts", "likes tea", "k")
    third = await access.add(ALICE, "facts", "likes tea", None)
    assert first == second
    assert first.record_id != third.record_id
