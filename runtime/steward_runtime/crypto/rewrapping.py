"""Replacing the key-encryption key: every key is wrapped anew, then the older wraps are wiped.

Each batch is one transaction, so at every moment each key is wrapped by exactly one mounted key,
and a process that is killed goes on where it stood. The change has ended only when the bytes of
the older wraps are gone from the database and its log: whoever got hold of the old key finds
nothing in a later copy of the volume that it opens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from steward_runtime.clock import Clock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

KEYS_PER_BATCH: Final = 256
"""About 10 ms of the writer's time, so that turns do not wait long."""
ROTATING_FORMAT: Final = 4
"""Number of the migration that keeps pseudonyms apart from the key-encryption key."""


class RewrapStep(StrEnum):
    """Steps of a change in their order."""

    BEGUN = "Begun"
    BATCH_WRAPPED = "BatchWrapped"
    ALL_WRAPPED = "AllWrapped"
    WIPED = "Wiped"
    ENDED = "Ended"


class RewrapObserver(Protocol):
    """Hears of every step that is durable; for tests that kill."""

    def after(self, step: RewrapStep) -> None:
        """Hear that a step is durable."""
        ...


class Rewrapping:
    """Brings every key under the newest key-encryption key.

    Args:
        database: the database, opened by this process alone.
        keyring: newest and older key-encryption keys.
        clock: times of the change.
        wipe: removes the bytes of rows that were written over from the files.
        observer: hears of every step.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        wipe: Callable[[Database], None],
        observer: RewrapObserver | None = None,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._wipe = wipe
        self._observer = observer
        self._is_stopping = threading.Event()
        self._is_settled = not database.read_now(self._is_needed)
        if not self._is_settled:
            # Before the newest key wraps anything, so that no older runtime opens the database.
            database.write_now(self._begin)

    @property
    def is_settled(self) -> bool:
        """True when every key is wrapped by the newest, and no byte of an older wrap is left."""
        return self._is_settled

    def stop(self) -> None:
        """Stand still after the batch that is under way; the next start goes on."""
        self._is_stopping.set()

    def run(self) -> None:
        """Go on until it has ended, or until told to stop.

        Raises:
            StewardError: if the database could not be written; nothing is lost, and the next run
                goes on.
        """
        if self._is_settled:
            return
        self._observe(RewrapStep.BEGUN)
        while self._database.write_now(self._wrap_batch):
            self._observe(RewrapStep.BATCH_WRAPPED)
            if self._is_stopping.is_set():
                return
        self._observe(RewrapStep.ALL_WRAPPED)
        self._wipe(self._database)
        self._observe(RewrapStep.WIPED)
        self._database.write_now(self._end)
        self._is_settled = True
        self._observe(RewrapStep.ENDED)

    def _is_needed(self, connection: Connection) -> bool:
        kek_id = self._keyring.kek_id
        found = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM data_keys WHERE kek_id <> :kek) "
            "OR EXISTS (SELECT 1 FROM root_keys WHERE kek_id <> :kek) "
            "OR EXISTS (SELECT 1 FROM kek_changes WHERE kek_id = :kek AND ended_at IS NULL)",
            {"kek": kek_id},
        ).fetchone()
        return bool(found[0])

    def _begin(self, connection: Connection) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO kek_changes (kek_id, begun_at) VALUES (?, ?)",
            (self._keyring.kek_id, self._clock.now_ms()),
        )
        connection.execute(
            "UPDATE storage_format SET oldest_reader = max(oldest_reader, ?)", (ROTATING_FORMAT,)
        )

    def _wrap_batch(self, connection: Connection) -> int:
        return self._keyring.rewrap(connection, KEYS_PER_BATCH)

    def _end(self, connection: Connection) -> None:
        connection.execute(
            "UPDATE kek_changes SET ended_at = ? WHERE kek_id = ?",
            (self._clock.now_ms(), self._keyring.kek_id),
        )

    def _observe(self, step: RewrapStep) -> None:
        if self._observer is not None:
            self._observer.after(step)
