"""What the next step will make durable: collected while nothing outside is awaited."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from steward_runtime.audit.sink import AuditSink, Judgement
from steward_runtime.journal.journal import Step
from steward_runtime.journal.records import Record, encode_event
from steward_runtime.storage.connection import Connection
from steward_runtime.turn import events

Write = Callable[[Connection], object]


class PendingStep:
    """Collects records, rows and judgements of one task.

    Args:
        task_id: the task.
        key_subject: pseudonym under whose key the records are sealed, or `NO_SUBJECT`.
        audit: where judgements go.
        next_seq: number of the next record.
    """

    def __init__(self, task_id: str, key_subject: str, audit: AuditSink, next_seq: int) -> None:
        self._task_id = task_id
        self._key_subject = key_subject
        self._audit = audit
        self._next_seq = next_seq
        self._records: list[Record] = []
        self._writes: list[Write] = []
        self._judgements: list[Judgement] = []

    def add_event(self, event: events.Event) -> None:
        """Add a record."""
        self._records.append(encode_event(event))

    def add_write(self, write: Write) -> None:
        """Add rows of another table."""
        self._writes.append(write)

    def add_judgement(self, judgement: Judgement) -> None:
        """Add a decision."""
        self._judgements.append(judgement)

    def build(self, at_ms: int) -> Step | None:
        """Return everything as one step; None if there is nothing. It stays until `clear`."""
        if not self._records:
            return None
        writes = tuple(self._writes)
        if self._judgements:
            writes += (partial(self._append_audit, judgements=tuple(self._judgements)),)
        return Step(
            self._task_id, self._key_subject, self._next_seq, at_ms, tuple(self._records), writes
        )

    def clear(self) -> None:
        """Forget what became durable."""
        self._next_seq += len(self._records)
        self.drop()

    def drop(self) -> None:
        """Forget what cannot become durable."""
        self._records = []
        self._writes = []
        self._judgements = []

    def _append_audit(self, connection: Connection, judgements: tuple[Judgement, ...]) -> None:
        self._audit.append(connection, judgements)
