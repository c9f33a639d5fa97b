"""The journal's rows: one durable row per record, sealed under the task's own key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from steward_runtime.crypto.keyring import TASKS_CLASS, Keyring
from steward_runtime.crypto.sealing import Sealed, new_locator
from steward_runtime.journal.records import Record, RecordType, decode_event, decode_labels
from steward_runtime.labels import Label, digest_label
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.turn.events import Event

JOURNAL_STORE: Final = "journal"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes durable at once: records of one task, and rows of other tables beside them.

    Attributes:
        task_id: the task.
        key_subject: pseudonym under whose key the records are sealed, or `NO_SUBJECT`.
        first_seq: number of the first record in its task, from 1.
        at_ms: time of the step.
        records: what happened, in order.
        also: further writes of the same transaction, run before the records in this order; one
            that raises undoes the step.
    """

    task_id: str
    key_subject: str
    first_seq: int
    at_ms: int
    records: tuple[Record, ...]
    also: tuple[Callable[[Connection], object], ...] = ()

    @property
    def types(self) -> frozenset[RecordType]:
        """Types of the records."""
        return frozenset(record.type for record in self.records)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as read back.

    Attributes:
        seq: number in its task, from 1.
        type: type of the record.
        at_ms: when it was written.
        event: what happened.
        labels: labels of the values in its payload, each once.
    """

    seq: int
    type: RecordType
    at_ms: int
    event: Event
    labels: tuple[Label, ...]


class StepLog(Protocol):
    """Where the driver appends steps: the journal, or a wrapper of it."""

    async def append(self, step: Step) -> None:
        """Make a step durable."""
        ...

    async def read(self, task_id: str) -> tuple[Entry, ...]:
        """Read the records of a task."""
        ...


class Journal:
    """The journal of one assistant.

    Args:
        database: where the rows are.
        keyring: keys of the rows.
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def append(self, step: Step) -> None:
        """Make a step durable: it is on disk when this returns.

        Raises:
            StorageFull: if there is no room; nothing was kept.
            StorageError: if the database failed; nothing was kept.
        """
        await self._database.write(lambda connection: self.write_step(connection, step))

    def write_step(self, connection: Connection, step: Step) -> None:
        """Write a step inside a running transaction."""
        for write in step.also:
            write(connection)
        key = self._keyring.obtain(connection, step.key_subject, TASKS_CLASS, step.task_id)
        rows: list[tuple[Any, ...]] = []
        for seq, record in enumerate(step.records, step.first_seq):
            locator = new_locator()
            digest = digest_label(record.label)
            sealed = key.seal(
                record.payload, store=JOURNAL_STORE, locator=locator, label_digest=digest
            )
            rows.append(
                (
                    step.task_id,
                    seq,
                    record.type.value,
                    step.at_ms,
                    locator,
                    sealed.key_id,
                    digest,
                    sealed.nonce,
                    sealed.ciphertext,
                )
            )
        connection.executemany(
            "INSERT INTO journal (task_id, seq, type, at, locator, key_id, label_digest, nonce, "
            "sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    async def read(self, task_id: str) -> tuple[Entry, ...]:
        """Read the records of a task in order; empty if there are none.

        Raises:
            DataKeyDestroyed: if the task was erased by its key.
            SealBroken: if a row was changed.
            JournalBroken: if a record cannot be read by this version.
        """
        return await self._database.read(lambda connection: self.read_entries(connection, task_id))

    def read_entries(self, connection: Connection, task_id: str) -> tuple[Entry, ...]:
        """Read the records of a task on a given connection; errors as in `read`."""
        rows: Iterable[tuple[Any, ...]] = connection.execute(
            "SELECT seq, type, at, locator, key_id, label_digest, nonce, sealed FROM journal "
            "WHERE task_id = ? ORDER BY seq",
            (task_id,),
        )
        return tuple(self._open_row(connection, row) for row in rows)

    def _open_row(self, connection: Connection, row: tuple[Any, ...]) -> Entry:
        seq, type_name, at_ms, locator, key_id, digest, nonce, ciphertext = row
        payload = self._keyring.open(
            connection,
            Sealed(key_id, nonce, ciphertext),
            store=JOURNAL_STORE,
            locator=locator,
            label_digest=digest,
        )
        return Entry(
            seq,
            RecordType(type_name),
            at_ms,
            decode_event(type_name, payload),
            decode_labels(type_name, payload),
        )
