"""Opening a data folder with the keys that are mounted: the newest of each, and older ones.

Used by serving and by direct purges alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steward_api.blueprint import Trust
from steward_runtime import config
from steward_runtime.clock import Clock
from steward_runtime.config import SIGNING_FOLDER, ConfigFolder
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.rewrapping import Rewrapping
from steward_runtime.retention.key_changes import list_changes, record_changes
from steward_runtime.retention.signing import SigningKey, read_signing_key
from steward_runtime.retention.steps import checkpoint
from steward_runtime.storage.database import Database


@dataclass(frozen=True, slots=True)
class OpenedKeys:
    """Keys that were read before anything was started.

    Attributes:
        keyring: opens and wraps data keys.
        generation: generation of the newest key-encryption key.
        signing: signing keys, the oldest first; the last one signs receipts.
    """

    keyring: Keyring
    generation: int
    signing: tuple[SigningKey, ...]

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs receipts."""
        return self.signing[-1]


def open_keys(folder: ConfigFolder, clock: Clock) -> OpenedKeys:
    """Read the keys that encrypt and sign.

    Raises:
        EncryptionKeyMissing: if a key-encryption key is absent or misshapen.
        SigningKeyBroken: if a signing key is.
    """
    newest, *older = config.load_encryption_keys(folder)
    replaced = {each.key_id: each.key for each in reversed(older)}
    keyring = Keyring(newest.key, newest.key_id, clock, older=replaced)
    signing = (*reversed(folder.list_older(SIGNING_FOLDER)), folder.signing_key.parent)
    return OpenedKeys(keyring, newest.generation, tuple(read_signing_key(each) for each in signing))


def open_keyed_database(data: Path, keys: OpenedKeys, trust: Trust, clock: Clock) -> Database:
    """Open the database, with keys that belong to it.

    Raises:
        EncryptionKeyMissing: if a data key was wrapped by a key that is not mounted.
        StorageError: if the database cannot be opened or written.
    """
    database = Database(data)
    of = (trust.namespace, trust.assistant)
    try:
        database.read_now(keys.keyring.check_kek)
        database.write_now(keys.keyring.open_root_keys)
        database.write_now(
            lambda connection: record_changes(connection, keys.signing, of, clock.now_ms())
        )
    except BaseException:
        database.close()
        raise
    return database


def gather_key_changes(database: Database) -> tuple[bytes, ...]:
    """Return the statements by which signing keys followed one another."""
    return database.read_now(list_changes)


def build_rewrapping(database: Database, keys: OpenedKeys, clock: Clock) -> Rewrapping:
    """Build what brings every data key under the newest key-encryption key."""
    return Rewrapping(database, keys.keyring, clock, wipe)


def wipe(database: Database) -> None:
    """Write the database anew and cut its log: what was written over is in no file afterwards.

    Raises:
        StorageFull: if there is no room for a second copy.
        StorageError: if a reader needs the log for too long.
    """
    database.rewrite_now()
    checkpoint(database)
