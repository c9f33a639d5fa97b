"""The keyring: data keys per (subject, class, scope), wrapped in the database.

A data key is made on first use, in the transaction that stores what it seals. Destroying a key
overwrites and deletes its wrapped row; what it sealed is then gone, wherever copies lie. While the
key-encryption key is being replaced, the older one still opens what it wrapped; what is made new
is wrapped by the newest. Pseudonyms have a key of their own that stays the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from steward_runtime.clock import Clock
from steward_runtime.crypto.sealing import (
    KEY_BYTES,
    DataKey,
    Sealed,
    new_data_key_bytes,
    new_key_id,
    unwrap_key,
    wrap_key,
)
from steward_runtime.errors import DataKeyDestroyed, EncryptionKeyMissing
from steward_runtime.storage.connection import Connection

NO_SUBJECT: Final = "-"
"""Subject of keys for data that is about nobody."""
CONVERSATIONS_CLASS: Final = "conversations"
TASKS_CLASS: Final = "tasks"
AUDIT_CLASS: Final = "audit"
KEYS_CACHED_MAX: Final = 4_096
"""Unwrapped keys kept in memory, about 1 KiB each."""
KEK_FILE: Final = "kek"
KEK_ID_FILE: Final = "keyId"
PSEUDONYMS: Final = "pseudonyms"
"""Purpose of the key of keyed hashes, in the table `root_keys`."""
PSEUDONYMS_PLACE: Final = "root/pseudonyms"
_WRAPPING_TABLES: Final = ("data_keys", "root_keys")


_NO_OLDER: Final[Mapping[str, bytes]] = MappingProxyType({})


class Keyring:
    """Data keys and pseudonyms of one assistant.

    Args:
        kek: the key-encryption key, 32 bytes.
        kek_id: its name, as mounted beside it.
        clock: time of creation of new keys.
        keys_cached_max: unwrapped keys kept in memory.
        older: key-encryption keys that this one replaces, by name, the oldest first.

    Raises:
        EncryptionKeyMissing: if the key has another size.
    """

    def __init__(
        self,
        kek: bytes,
        kek_id: str,
        clock: Clock,
        *,
        keys_cached_max: int = KEYS_CACHED_MAX,
        older: Mapping[str, bytes] = _NO_OLDER,
    ) -> None:
        given = {**older, kek_id: kek}
        for name, key in given.items():
            _check_size(name, key)
        self._kek = AESGCM(kek)
        self._kek_id = kek_id
        self._keks = {name: AESGCM(key) for name, key in given.items()}
        self._first_pseudonym_keys = {name: _derive(key) for name, key in given.items()}
        self._pseudonym_key = self._first_pseudonym_keys[kek_id]
        self._clock = clock
        self._keys_cached_max = keys_cached_max
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, DataKey] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._destructions = 0
        self.lookups = 0
        """Wrapped rows read so far; a cache hit reads none."""

    @property
    def kek_id(self) -> str:
        """Name of the newest key-encryption key, which wraps everything new."""
        return self._kek_id

    def pseudonym(self, kind: str, name: str) -> str:
        """Return the keyed hash that stands for `name`: 32 hex digits.

        Args:
            kind: what is named, for example `subject` or `key`; equal names of two kinds differ.
            name: the raw name; it goes nowhere else.
        """
        return self.keyed_digest(kind, name.encode()).hex()[:32]

    def keyed_digest(self, kind: str, content: bytes) -> bytes:
        """Return HMAC-SHA256 of `content` under the pseudonym key: cannot be guessed without it."""
        return hmac.digest(self._pseudonym_key, kind.encode() + b"\0" + content, "sha256")

    def obtain(
        self, connection: Connection, subject: str, key_class: str, scope: str = ""
    ) -> DataKey:
        """Return the data key, made now if there is none. Call it inside `Database.write` only.

        Args:
            connection: the writing connection of the running transaction.
            subject: pseudonym, or `NO_SUBJECT`.
            key_class: `conversations`, `tasks`, `audit` or `memory/<domain>/<sensitivity>`.
            scope: conversation or task whose data shall be destroyable alone; empty for the class.
        """
        place = (subject, key_class, scope)
        found = self._cached(place)
        if found is not None:
            return found
        row = connection.execute(
            "SELECT key_id FROM data_keys WHERE subject = ? AND class = ? AND scope = ?", place
        ).fetchone()
        if row is not None:
            return self.find(connection, row[0])
        return self._create(connection, place)

    def find(self, connection: Connection, key_id: str) -> DataKey:
        """Return the data key with this id, on a reading or writing connection.

        Raises:
            DataKeyDestroyed: if there is none (any more).
            SealBroken: if the mounted key-encryption key did not wrap it.
        """
        with self._lock:
            found = self._keys.get(key_id)
            if found is not None:
                self._keys.move_to_end(key_id)
                return found
            destructions = self._destructions
        self.lookups += 1
        row = connection.execute(
            "SELECT subject, class, scope, kek_id, nonce, wrapped FROM data_keys WHERE key_id = ?",
            (key_id,),
        ).fetchone()
        if row is None:
            raise DataKeyDestroyed(
                f"data key {key_id} was destroyed, so what it sealed cannot be read any more"
            )
        place = (row[0], row[1], row[2])
        key = self._unwrap(row[3], row[4], row[5], _render_place(key_id, place))
        found = DataKey(key_id, AESGCM(key))
        if connection.is_writer:
            # What this transaction sees may still be rolled back, so it is kept afterwards.
            connection.after_commit.append(lambda: self._publish(place, found))
            return found
        with self._lock:
            if destructions == self._destructions:  # else the row may be gone by now
                self._keep(place, found)
        return found

    def open(
        self,
        connection: Connection,
        sealed: Sealed,
        *,
        store: str,
        locator: bytes,
        label_digest: bytes,
    ) -> bytes:
        """Find the key of a sealed value and open it.

        Raises:
            DataKeyDestroyed: if its key is gone.
            SealBroken: if bytes, place or label differ.
        """
        key = self.find(connection, sealed.key_id)
        return key.open(sealed, store=store, locator=locator, label_digest=label_digest)

    def check_kek(self, connection: Connection) -> None:
        """Refuse a key-encryption key that is not the one which wrapped the data keys.

        Raises:
            EncryptionKeyMissing: if any key was wrapped by one that is not mounted.
        """
        marks = ", ".join("?" * len(self._keks))
        for table in _WRAPPING_TABLES:
            row = connection.execute(
                f"SELECT kek_id FROM {table} WHERE kek_id NOT IN ({marks}) LIMIT 1",  # noqa: S608 # our own names
                tuple(self._keks),
            ).fetchone()
            if row is not None:
                raise EncryptionKeyMissing(
                    f"the data keys in the database were wrapped by {row[0]}, and {self._kek_id} "
                    "is mounted: mount the Secret that belongs to this volume"
                )

    def open_root_keys(self, connection: Connection) -> None:
        """Take up the key of pseudonyms, or keep it for good. Call it inside `Database.write`.

        A database without one was made by a runtime that derived it from the key-encryption key;
        so does this one, and an older runtime finds the same pseudonyms.

        Raises:
            SealBroken: if no mounted key-encryption key wrapped it.
        """
        row = connection.execute(
            "SELECT kek_id, nonce, wrapped FROM root_keys WHERE purpose = ?", (PSEUDONYMS,)
        ).fetchone()
        if row is not None:
            self._pseudonym_key = self._unwrap(row[0], row[1], row[2], PSEUDONYMS_PLACE)
            return
        first = connection.execute("SELECT kek_id FROM data_keys LIMIT 1").fetchone()
        name = first[0] if first and first[0] in self._keks else next(iter(self._keks))
        self._pseudonym_key = self._first_pseudonym_keys[name]
        nonce, wrapped = wrap_key(self._keks[name], self._pseudonym_key, place=PSEUDONYMS_PLACE)
        connection.execute(
            "INSERT INTO root_keys (purpose, kek_id, nonce, wrapped) VALUES (?, ?, ?, ?)",
            (PSEUDONYMS, name, nonce, wrapped),
        )

    def rewrap(self, connection: Connection, keys_max: int) -> int:
        """Wrap keys by the newest key-encryption key that an older one wrapped; return how many.

        Call it inside `Database.write` until it returns 0. The keys themselves stay the same, so
        everything that they seal stays readable at every moment.

        Raises:
            SealBroken: if a row was changed or its key-encryption key is not mounted.
        """
        rows = connection.execute(
            "SELECT key_id, subject, class, scope, kek_id, nonce, wrapped FROM data_keys "
            "WHERE kek_id <> ? LIMIT ?",
            (self._kek_id, keys_max),
        ).fetchall()
        for key_id, subject, key_class, scope, kek_id, old_nonce, old_wrapped in rows:
            place = _render_place(key_id, (subject, key_class, scope))
            key = self._unwrap(kek_id, old_nonce, old_wrapped, place)
            nonce, wrapped = wrap_key(self._kek, key, place=place)
            connection.execute(
                "UPDATE data_keys SET kek_id = ?, nonce = ?, wrapped = ? WHERE key_id = ?",
                (self._kek_id, nonce, wrapped, key_id),
            )
        return len(rows) or self._rewrap_root(connection)

    def _rewrap_root(self, connection: Connection) -> int:
        row = connection.execute(
            "SELECT kek_id, nonce, wrapped FROM root_keys WHERE purpose = ? AND kek_id <> ?",
            (PSEUDONYMS, self._kek_id),
        ).fetchone()
        if row is None:
            return 0
        key = self._unwrap(row[0], row[1], row[2], PSEUDONYMS_PLACE)
        nonce, wrapped = wrap_key(self._kek, key, place=PSEUDONYMS_PLACE)
        connection.execute(
            "UPDATE root_keys SET kek_id = ?, nonce = ?, wrapped = ? WHERE purpose = ?",
            (self._kek_id, nonce, wrapped, PSEUDONYMS),
        )
        return 1

    def destroy(self, connection: Connection, key_id: str) -> bool:
        """Overwrite and delete a wrapped key; say whether it was there.

        Call it inside `Database.write`. `secure_delete` overwrites the row in the database file;
        the write-ahead log holds an older copy until `Database.checkpoint`.
        """
        connection.execute(
            "UPDATE data_keys SET nonce = zeroblob(length(nonce)), "
            "wrapped = zeroblob(length(wrapped)) WHERE key_id = ?",
            (key_id,),
        )
        deleted = connection.execute("DELETE FROM data_keys WHERE key_id = ?", (key_id,))
        self._forget(key_id)
        connection.after_commit.append(lambda: self._forget(key_id))
        return deleted.rowcount > 0

    def _unwrap(self, kek_id: str, nonce: bytes, wrapped: bytes, place: str) -> bytes:
        return unwrap_key(self._keks.get(kek_id, self._kek), nonce, wrapped, place=place)

    def _create(self, connection: Connection, place: tuple[str, str, str]) -> DataKey:
        key_id = new_key_id()
        key = new_data_key_bytes()
        nonce, wrapped = wrap_key(self._kek, key, place=_render_place(key_id, place))
        connection.execute(
            "INSERT INTO data_keys (key_id, subject, class, scope, kek_id, nonce, wrapped, "
            "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key_id, *place, self._kek_id, nonce, wrapped, self._clock.now_ms()),
        )
        made = DataKey(key_id, AESGCM(key))
        # Kept only once it is durable: a key that was rolled back must never seal anything.
        connection.after_commit.append(lambda: self._publish(place, made))
        return made

    def _publish(self, place: tuple[str, str, str], key: DataKey) -> None:
        with self._lock:
            self._keep(place, key)

    def _cached(self, place: tuple[str, str, str]) -> DataKey | None:
        with self._lock:
            key_id = self._ids.get(place)
            key = None if key_id is None else self._keys.get(key_id)
            if key is not None:
                self._keys.move_to_end(key.key_id)
            return key

    def _keep(self, place: tuple[str, str, str], key: DataKey) -> None:
        self._keys[key.key_id] = key
        self._ids[place] = key.key_id
        while len(self._keys) > self._keys_cached_max:
            self._keys.popitem(last=False)
        while len(self._ids) > self._keys_cached_max:
            self._ids.popitem(last=False)

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._destructions += 1
            self._keys.pop(key_id, None)


def gather_keyring(directory: Path, clock: Clock) -> Keyring:
    """Read `kek` (base64 of 32 bytes) and `keyId` from the mounted Secret and build the keyring.

    Raises:
        EncryptionKeyMissing: if a file is missing or misshapen.
    """
    try:
        kek = base64.b64decode((directory / KEK_FILE).read_text().strip(), validate=True)
        kek_id = (directory / KEK_ID_FILE).read_text().strip()
    except (OSError, binascii.Error, UnicodeDecodeError) as fault:
        raise EncryptionKeyMissing(
            f"the key-encryption key in {directory} cannot be read ({type(fault).__name__}): mount "
            "the Secret that the operator generated, with its keys `kek` and `keyId`"
        ) from fault
    return Keyring(kek, kek_id, clock)


def _check_size(name: str, key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise EncryptionKeyMissing(
            f"the key-encryption key {name} has {len(key)} bytes instead of {KEY_BYTES}: "
            "mount the Secret that the operator generated"
        )


def _derive(kek: bytes) -> bytes:
    """Derive the key of pseudonyms from the first key-encryption key of a database."""
    return HKDF(
        algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"steward/pseudonym/v1"
    ).derive(kek)


def _render_place(key_id: str, place: tuple[str, str, str]) -> str:
    return hashlib.sha256("\0".join((key_id, *place)).encode()).hexdigest()
