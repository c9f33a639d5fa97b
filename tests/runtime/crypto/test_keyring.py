"""The keyring: keys per subject, class and scope; durable before use; gone after destruction."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steward_core import KEK, open_database
from steward_runtime.clock import ManualClock
from steward_runtime.crypto.keyring import Keyring, gather_keyring
from steward_runtime.crypto.sealing import DataKey
from steward_runtime.errors import DataKeyDestroyed, EncryptionKeyMissing, SealBroken
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

PLACE: dict[str, Any] = {"store": "journal", "locator": b"l" * 16, "label_digest": b"d" * 32}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def keyring() -> Keyring:
    """Return a keyring with a fixed key-encryption key."""
    return _build()


def _build(**options: Any) -> Keyring:
    return Keyring(KEK, "kek-1", ManualClock(), **options)


def _obtain(database: Database, keyring: Keyring, *place: str) -> DataKey:
    return database.write_now(lambda c: keyring.obtain(c, *place))


def test_one_key_per_subject_class_and_scope(database: Database, keyring: Keyring) -> None:
    """The same place has the same key; any other place has another."""
    places = [("s", "tasks", "1"), ("s", "tasks", "2"), ("s", "audit", "1"), ("t", "tasks", "1")]
    ids = [_obtain(database, keyring, *place).key_id for place in places]
    assert len(set(ids)) == len(places)
    assert [_obtain(database, keyring, *place).key_id for place in places] == ids


def test_a_key_survives_a_restart(database: Database, keyring: Keyring) -> None:
    """What one process sealed another opens."""
    key = _obtain(database, keyring, "s", "tasks")
    sealed = key.seal(b"content", **PLACE)
    opened = database.read_now(lambda c: _build().open(c, sealed, **PLACE))
    assert opened == b"content"


def test_a_key_that_was_rolled_back_is_not_kept(database: Database, keyring: Keyring) -> None:
    """Content must never be sealed under a key that is not durable."""
    made: list[str] = []

    def make_and_fail(connection: Connection) -> None:
        made.append(keyring.obtain(connection, "s", "tasks").key_id)
        made.append(keyring.obtain(connection, "s", "tasks").key_id)
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        database.write_now(make_and_fail)
    assert made[0] == made[1]
    assert _obtain(database, keyring, "s", "tasks").key_id != made[0]
    with pytest.raises(DataKeyDestroyed):
        database.read_now(lambda c: keyring.find(c, made[0]))


def test_a_known_key_costs_no_look_up(database: Database, keyring: Keyring) -> None:
    """Keys in use are read from the database once."""
    key = _obtain(database, keyring, "s", "tasks")
    for _ in range(10):
        database.read_now(lambda c: keyring.find(c, key.key_id))
    assert keyring.lookups == 0


def test_the_cache_is_bounded(database: Database) -> None:
    """The least recently used key is forgotten and read again."""
    keyring = _build(keys_cached_max=2)
    keys = [_obtain(database, keyring, "s", "tasks", str(n)) for n in range(3)]
    database.read_now(lambda c: keyring.find(c, keys[2].key_id))
    assert keyring.lookups == 0
    database.read_now(lambda c: keyring.find(c, keys[0].key_id))
    assert keyring.lookups == 1


def test_what_a_destroyed_key_sealed_is_gone(database: Database, keyring: Keyring) -> None:
    """Destruction forgets the cached key at once, and a later key of the place is another."""
    key = _obtain(database, keyring, "s", "tasks")
    sealed = key.seal(b"content", **PLACE)
    assert database.write_now(lambda c: keyring.destroy(c, key.key_id))
    with pytest.raises(DataKeyDestroyed):
        database.read_now(lambda c: keyring.open(c, sealed, **PLACE))
    assert not database.write_now(lambda c: keyring.destroy(c, key.key_id))
    assert _obtain(database, keyring, "s", "tasks").key_id != key.key_id


def test_a_destroyed_key_leaves_no_bytes(database: Database, keyring: Keyring) -> None:
    """Wrapped key and nonce are in no file after a checkpoint."""
    key = _obtain(database, keyring, "s", "tasks")
    row = database.read_now(lambda c: c.execute("SELECT wrapped, nonce FROM data_keys").fetchone())
    assert all(_is_on_disk(database.path, needle) for needle in row)
    database.write_now(lambda c: keyring.destroy(c, key.key_id))
    database.checkpoint_now()
    assert not any(_is_on_disk(database.path, needle) for needle in row)


def _is_on_disk(path: Path, needle: bytes) -> bool:
    return any(needle in file.read_bytes() for file in path.parent.glob(path.name + "*"))


def test_refuses_another_key_encryption_key(database: Database, keyring: Keyring) -> None:
    """A volume and a Secret that do not belong together are noticed before serving."""
    key = _obtain(database, keyring, "s", "tasks")
    database.read_now(keyring.check_kek)
    other = Keyring(bytes(32), "kek-2", ManualClock())
    with pytest.raises(EncryptionKeyMissing, match="kek-1"):
        database.read_now(other.check_kek)
    with pytest.raises(SealBroken):
        database.read_now(lambda c: other.find(c, key.key_id))


def test_pseudonyms_are_stable_keyed_and_told_apart_by_kind(keyring: Keyring) -> None:
    """The same name gives the same 32 hex digits; kind and key change them."""
    alice = keyring.pseudonym("subject", "alice")
    assert alice == _build().pseudonym("subject", "alice")
    assert len(alice) == 32
    assert int(alice, 16) > 0
    others = {
        keyring.pseudonym("key", "alice"),
        keyring.pseudonym("subject", "bob"),
        Keyring(bytes(32), "kek-2", ManualClock()).pseudonym("subject", "alice"),
    }
    assert len(others | {alice}) == 4


def test_reads_the_mounted_secret(tmp_path: Path, keyring: Keyring) -> None:
    """`kek` is base64 of 32 bytes, `keyId` its name."""
    (tmp_path / "kek").write_bytes(base64.b64encode(KEK) + b"\n")
    (tmp_path / "keyId").write_text("kek-1\n")
    mounted = gather_keyring(tmp_path, ManualClock())
    assert mounted.pseudonym("subject", "alice") == keyring.pseudonym("subject", "alice")


@pytest.mark.parametrize("content", [None, b"!!", base64.b64encode(b"short")])
def test_refuses_a_missing_or_misshapen_key(tmp_path: Path, content: bytes | None) -> None:
    """The error says which Secret to mount and shows nothing of the key."""
    (tmp_path / "keyId").write_text("kek-1")
    if content is not None:
        (tmp_path / "kek").write_bytes(content)
    with pytest.raises(EncryptionKeyMissing, match="mount the Secret"):
        gather_keyring(tmp_path, ManualClock())
