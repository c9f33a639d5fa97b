"""Doubles for faults: a store that forgets a delete, one that dies, and a keyring without keys."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.sealing import DataKey
from steward_runtime.retention.needles import SealedRow, WrappedKey
from steward_runtime.retention.plan import Record
from steward_runtime.retention.runs import PURGE_CLASS, Step
from steward_runtime.retention.stores import PurgeStore
from steward_runtime.storage.connection import Connection


def die() -> None:
    """Kill this process: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


class _PlainCipher:
    """Encrypts nothing; has the shape of AESGCM."""

    def encrypt(self, _nonce: bytes, data: bytes, _bound: bytes) -> bytes:
        """Return the data with a tag that is like no other bytes."""
        return data + hashlib.sha256(data).digest()[:16]

    def decrypt(self, _nonce: bytes, data: bytes, _bound: bytes) -> bytes:
        """Return the data without the tag."""
        return data[:-16]


class PlainKeyring(Keyring):
    """A keyring whose data keys encrypt nothing: the control run. There is no flag for it."""

    def obtain(
        self, connection: Connection, subject: str, key_class: str, scope: str = ""
    ) -> DataKey:
        """Return a key that leaves content as it is; states of runs stay sealed."""
        key = super().obtain(connection, subject, key_class, scope)
        return key if key_class == PURGE_CLASS else self._strip(key)

    def find(self, connection: Connection, key_id: str) -> DataKey:
        """Return a key that leaves content as it is."""
        key = super().find(connection, key_id)
        (key_class,) = connection.execute(
            "SELECT class FROM data_keys WHERE key_id = ?", (key_id,)
        ).fetchone()
        return key if key_class == PURGE_CLASS else self._strip(key)

    def _strip(self, key: DataKey) -> DataKey:
        return DataKey(key.key_id, cast("AESGCM", _PlainCipher()))


class _WrappedStore:
    """Passes everything on to a real store."""

    def __init__(self, inner: PurgeStore) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """Name of the real store."""
        return self.inner.name

    @property
    def data_class(self) -> DataClass:
        """Class of the real store."""
        return self.inner.data_class

    def list_records(self, connection: Connection, **choice: Any) -> Iterator[Record]:
        """List records of the real store."""
        return self.inner.list_records(connection, **choice)

    def list_rows(self, connection: Connection, record_ids: Sequence[str]) -> Iterator[SealedRow]:
        """List rows of the real store."""
        return self.inner.list_rows(connection, record_ids)

    def count_rows(self, connection: Connection, record_ids: Sequence[str]) -> dict[str, int]:
        """Count rows of the real store."""
        return self.inner.count_rows(connection, record_ids)

    def erase(self, connection: Connection, record_ids: Sequence[str]) -> int:
        """Erase in the real store."""
        return self.inner.erase(connection, record_ids)

    def owns_key(self, key: WrappedKey) -> bool:
        """Ask the real store."""
        return self.inner.owns_key(key)

    def uses_key(
        self, connection: Connection, key: WrappedKey, *, but_for: frozenset[str] = frozenset()
    ) -> bool:
        """Ask the real store."""
        return self.inner.uses_key(connection, key, but_for=but_for)


class ForgetfulStore(_WrappedStore):
    """Skips the deletion of one record, as a bug would."""

    def __init__(self, inner: PurgeStore, forgotten: str) -> None:
        super().__init__(inner)
        self._forgotten = forgotten

    def erase(self, connection: Connection, record_ids: Sequence[str]) -> int:
        """Erase all but one record."""
        return self.inner.erase(connection, [i for i in record_ids if i != self._forgotten])


class KillingStore(_WrappedStore):
    """Kills the process in the middle of the transaction that deletes, at the given call."""

    def __init__(self, inner: PurgeStore, call: int) -> None:
        super().__init__(inner)
        self._calls_left = call

    def erase(self, connection: Connection, record_ids: Sequence[str]) -> int:
        """Erase, and die if this was the call."""
        deleted = self.inner.erase(connection, record_ids)
        self._calls_left -= 1
        if self._calls_left == 0:
            die()
        return deleted


class KillingObserver:
    """Kills the process before or after a step."""

    def __init__(self, step: Step, moment: str) -> None:
        self._step = step
        self._moment = moment

    def before(self, _run_id: str, step: Step) -> None:
        """Die if this is the place."""
        if step is self._step and self._moment == "before":
            die()

    def after(self, _run_id: str, step: Step) -> None:
        """Die if this is the place."""
        if step is self._step and self._moment == "after":
            die()
