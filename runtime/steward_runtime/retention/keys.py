"""Data keys that go with the records of a run: which they are, and their destruction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from steward_runtime.crypto.keyring import Keyring
from steward_runtime.retention.needles import WrappedKey
from steward_runtime.retention.stores import PurgeStore, cut_chunks
from steward_runtime.storage.connection import Connection

_COLUMNS = "key_id, subject, class, scope, nonce, wrapped"


def list_keys(connection: Connection, key_ids: Sequence[str]) -> Iterator[WrappedKey]:
    """Yield the data keys with these ids that are still there."""
    for chunk in cut_chunks(key_ids):
        marks = ", ".join("?" * len(chunk))
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM data_keys WHERE key_id IN ({marks})",  # noqa: S608 # our own names
            chunk,
        )
        yield from (WrappedKey(*row) for row in rows)


def list_all_keys(connection: Connection, *, but_class: str) -> Iterator[WrappedKey]:
    """Yield every data key except those of one class."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM data_keys WHERE class != ?",  # noqa: S608 # our own names
        (but_class,),
    )
    yield from (WrappedKey(*row) for row in rows)


def find_unused(
    connection: Connection,
    keys: Iterable[WrappedKey],
    stores: Sequence[PurgeStore],
    items: Mapping[str, frozenset[str]],
) -> tuple[WrappedKey, ...]:
    """Return the keys that seal nothing but the given records.

    Args:
        connection: a snapshot or the writing connection.
        keys: candidates.
        stores: every store of the assistant.
        items: ids of the records that go, by store.
    """
    return tuple(
        key
        for key in keys
        if not any(
            store.uses_key(connection, key, but_for=items.get(store.name, frozenset()))
            for store in stores
            if store.owns_key(key)
        )
    )


def destroy_unused(
    connection: Connection,
    keyring: Keyring,
    key_ids: Sequence[str],
    stores: Sequence[PurgeStore],
    items: Mapping[str, frozenset[str]],
) -> tuple[str, ...]:
    """Destroy keys that seal nothing but the given records; return the ids that were spared.

    Runs inside one transaction, so that no write can take up a key between the look and the
    destruction. A key that is gone already is passed over.
    """
    candidates = tuple(list_keys(connection, key_ids))
    unused = find_unused(connection, candidates, stores, items)
    for key in unused:
        keyring.destroy(connection, key.key_id)
    destroyed = {key.key_id for key in unused}
    return tuple(key.key_id for key in candidates if key.key_id not in destroyed)
