"""The stores that a purge empties: each can list, erase and verify by record and by subject.

A store here is a description of tables and a few statements; the rows' meaning stays with the rooms
that write them. A new store is one description more, and must pass
`tests/runtime/retention/test_store_contract.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.crypto.keyring import AUDIT_CLASS, CONVERSATIONS_CLASS, TASKS_CLASS
from steward_runtime.retention.needles import SealedRow, WrappedKey
from steward_runtime.retention.plan import Record
from steward_runtime.storage.connection import Connection

T = TypeVar("T")

PARAMETERS_MAX: Final = 500
"""Ids in one statement; SQLite of old allows 999 parameters."""


class PurgeStore(Protocol):
    """One store of records that live and die as a whole."""

    @property
    def name(self) -> str:
        """Name of the store in receipts."""
        ...

    @property
    def data_class(self) -> DataClass:
        """Class whose window governs every record."""
        ...

    def list_records(
        self,
        connection: Connection,
        *,
        changed_until_ms: int,
        subject: str | None = None,
        record_ids: Sequence[str] | None = None,
    ) -> Iterator[Record]:
        """Yield records last changed at or before a time, of one subject or these ids if given."""
        ...

    def list_rows(self, connection: Connection, record_ids: Sequence[str]) -> Iterator[SealedRow]:
        """Yield the sealed rows of records."""
        ...

    def count_rows(self, connection: Connection, record_ids: Sequence[str]) -> dict[str, int]:
        """Return how many rows of any kind each record still has; records without any are left."""
        ...

    def erase(self, connection: Connection, record_ids: Sequence[str]) -> int:
        """Delete all rows of records and return how many there were. Repeating it deletes none."""
        ...

    def owns_key(self, key: WrappedKey) -> bool:
        """Say whether a data key seals rows of this store."""
        ...

    def uses_key(
        self, connection: Connection, key: WrappedKey, *, but_for: frozenset[str] = frozenset()
    ) -> bool:
        """Say whether any record but these ids still needs a data key of this store."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """A table of records.

    Attributes:
        name: the table.
        record_column: column that names the record.
        pairs: columns of nonce and ciphertext; a pair may be NULL. With pairs the table has the
            columns `locator` and `key_id` as well; without it holds no content.
    """

    name: str
    record_column: str
    pairs: tuple[tuple[str, str], ...] = ()


SEALED_PAIR: Final = ("nonce", "sealed")


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """What a store consists of.

    Attributes:
        name: name in receipts and in the table `frozen`.
        data_class: class whose window governs it.
        records: SQL that yields (record id, subject, changed at, is in use) as columns `id`,
            `subject`, `changed_at`, `in_use`.
        idle_records: the same for a runtime that is not running: work that it has not ended counts
            as changing until its deadline and no longer, for nobody will end it. Empty where work
            in progress makes no difference.
        sealed: its table of content; deleted from first.
        plain: further tables; the one that names the records comes last.
        owns_key: says whether a data key is one of this store.
        key_users: SQL that yields the record ids under a key, with `:key_id`, `:subject` and
            `:scope`.
    """

    name: str
    data_class: DataClass
    records: str
    sealed: Table
    plain: tuple[Table, ...]
    owns_key: Callable[[WrappedKey], bool]
    key_users: str
    idle_records: str = ""


CONVERSATIONS: Final = StoreSpec(
    name="conversations",
    data_class=DataClass.CONVERSATIONS,
    records=(
        "SELECT conversation_id AS id, coalesce(subject, owner) AS subject, changed_at, "
        "EXISTS (SELECT 1 FROM tasks WHERE tasks.conversation_id = conversations.conversation_id "
        "AND tasks.ended_at IS NULL) AS in_use FROM conversations"
    ),
    idle_records=(
        "SELECT conversation_id AS id, coalesce(subject, owner) AS subject, max(changed_at, "
        "coalesce((SELECT max(deadline_at) FROM tasks WHERE tasks.conversation_id = "
        "conversations.conversation_id AND tasks.ended_at IS NULL), 0)) AS changed_at, "
        "0 AS in_use FROM conversations"
    ),
    sealed=Table("messages", "conversation_id", (SEALED_PAIR,)),
    plain=(Table("conversations", "conversation_id"),),
    owns_key=lambda key: key.key_class == CONVERSATIONS_CLASS,
    key_users=(
        "SELECT conversation_id FROM messages WHERE conversation_id = :scope AND key_id = :key_id"
    ),
)
TASKS: Final = StoreSpec(
    name="tasks",
    data_class=DataClass.TASKS,
    records=(
        "SELECT task_id AS id, coalesce(subject, owner) AS subject, ended_at AS changed_at, "
        "0 AS in_use FROM tasks WHERE ended_at IS NOT NULL UNION ALL "
        "SELECT task_id, coalesce(subject, owner), changed_at, 1 FROM tasks WHERE ended_at IS NULL"
    ),
    idle_records=(
        "SELECT task_id AS id, coalesce(subject, owner) AS subject, ended_at AS changed_at, "
        "0 AS in_use FROM tasks WHERE ended_at IS NOT NULL UNION ALL SELECT task_id, "
        "coalesce(subject, owner), max(changed_at, deadline_at), 0 FROM tasks "
        "WHERE ended_at IS NULL"
    ),
    sealed=Table("journal", "task_id", (SEALED_PAIR,)),
    plain=(Table("ledger", "task_id"), Table("tasks", "task_id")),
    owns_key=lambda key: key.key_class == TASKS_CLASS,
    key_users="SELECT task_id FROM journal WHERE task_id = :scope AND key_id = :key_id",
)
MEMORY: Final = StoreSpec(
    name="memory",
    data_class=DataClass.MEMORY,
    records="SELECT memory_id AS id, subject, changed_at, 0 AS in_use FROM memories",
    sealed=Table("memories", "memory_id", (SEALED_PAIR, ("vector_nonce", "vector_sealed"))),
    plain=(),
    owns_key=lambda key: key.key_class.startswith("memory/"),
    key_users="SELECT memory_id FROM memories WHERE subject = :subject AND key_id = :key_id",
)
AUDIT_DETAIL: Final = StoreSpec(
    name="audit-detail",
    data_class=DataClass.AUDIT_DETAIL,
    records=(
        "SELECT seq AS id, coalesce(subject, '-') AS subject, at AS changed_at, "
        "0 AS in_use FROM audit_details"
    ),
    sealed=Table("audit_details", "seq", (SEALED_PAIR,)),
    plain=(),
    owns_key=lambda key: key.key_class == AUDIT_CLASS,
    key_users="SELECT seq FROM audit_details WHERE task_id = :scope AND key_id = :key_id",
)
"""Leaves of the audit chain stay: without salt and detail they say nothing."""
SPECS: Final = (CONVERSATIONS, TASKS, MEMORY, AUDIT_DETAIL)


class SqlStore:
    """A store in the embedded database.

    Args:
        spec: its tables and statements.
        on_erased: called after the commit that erased records, to forget what was opened of them.
        is_serving: a runtime is running and will end what it has begun.
    """

    def __init__(
        self,
        spec: StoreSpec,
        on_erased: Callable[[], None] | None = None,
        *,
        is_serving: bool = True,
    ) -> None:
        self._spec = spec
        self._on_erased = on_erased
        self._records = spec.records if is_serving else (spec.idle_records or spec.records)

    @property
    def name(self) -> str:
        """Name of the store in receipts."""
        return self._spec.name

    @property
    def data_class(self) -> DataClass:
        """Class whose window governs every record."""
        return self._spec.data_class

    def list_records(
        self,
        connection: Connection,
        *,
        changed_until_ms: int,
        subject: str | None = None,
        record_ids: Sequence[str] | None = None,
    ) -> Iterator[Record]:
        """Yield records last changed at or before a time, of one subject or these ids if given."""
        if record_ids is not None:
            for chunk in cut_chunks(record_ids):
                condition = f"id IN ({_marks(chunk)})"
                yield from self._select(connection, changed_until_ms, condition, chunk)
        elif subject is not None:
            yield from self._select(connection, changed_until_ms, "subject = ?", (subject,))
        else:
            yield from self._select(connection, changed_until_ms, "1", ())

    def list_rows(self, connection: Connection, record_ids: Sequence[str]) -> Iterator[SealedRow]:
        """Yield the sealed rows of records."""
        table = self._spec.sealed
        pairs = ", ".join(column for pair in table.pairs for column in pair)
        for chunk in cut_chunks(record_ids):
            rows = connection.execute(
                f"SELECT {table.record_column}, locator, key_id, {pairs} FROM {table.name} "  # noqa: S608 # names from the specs above
                f"WHERE {table.record_column} IN ({_marks(chunk)})",
                chunk,
            )
            for record_id, locator, key_id, *values in rows:
                sealed = tuple(
                    (nonce, ciphertext)
                    for nonce, ciphertext in zip(values[::2], values[1::2], strict=True)
                    if ciphertext is not None
                )
                yield SealedRow(str(record_id), locator, key_id, sealed)

    def count_rows(self, connection: Connection, record_ids: Sequence[str]) -> dict[str, int]:
        """Return how many rows of any kind each record still has; records without any are left."""
        counts: dict[str, int] = {}
        for table in (self._spec.sealed, *self._spec.plain):
            for chunk in cut_chunks(record_ids):
                rows = connection.execute(
                    f"SELECT {table.record_column}, count(*) FROM {table.name} "  # noqa: S608 # names from the specs above
                    f"WHERE {table.record_column} IN ({_marks(chunk)}) "
                    f"GROUP BY {table.record_column}",
                    chunk,
                )
                for record_id, count in rows:
                    counts[str(record_id)] = counts.get(str(record_id), 0) + count
        return counts

    def erase(self, connection: Connection, record_ids: Sequence[str]) -> int:
        """Delete all rows of records and return how many there were. Repeating it deletes none."""
        deleted = 0
        for table in (self._spec.sealed, *self._spec.plain):
            for chunk in cut_chunks(record_ids):
                deleted += connection.execute(
                    f"DELETE FROM {table.name} WHERE {table.record_column} IN ({_marks(chunk)})",  # noqa: S608 # names from the specs above
                    chunk,
                ).rowcount
        if self._on_erased is not None:
            connection.after_commit.append(self._on_erased)
        return deleted

    def owns_key(self, key: WrappedKey) -> bool:
        """Say whether a data key seals rows of this store."""
        return self._spec.owns_key(key)

    def uses_key(
        self, connection: Connection, key: WrappedKey, *, but_for: frozenset[str] = frozenset()
    ) -> bool:
        """Say whether any record but these ids still needs a data key of this store."""
        rows = connection.execute(
            self._spec.key_users,
            {"key_id": key.key_id, "subject": key.subject, "scope": key.scope},
        )
        return any(str(record_id) not in but_for for (record_id,) in rows)

    def _select(
        self,
        connection: Connection,
        changed_until_ms: int,
        condition: str,
        values: Sequence[str],
    ) -> Iterator[Record]:
        rows = connection.execute(
            f"SELECT id, subject, changed_at, in_use FROM ({self._records}) "  # noqa: S608 # SQL of the specs above
            f"WHERE changed_at <= ? AND {condition}",
            (changed_until_ms, *values),
        )
        for record_id, subject, changed_at_ms, is_in_use in rows:
            yield Record(
                data_class=self._spec.data_class,
                store=self._spec.name,
                record_id=str(record_id),
                subject=subject,
                changed_at_ms=changed_at_ms,
                is_in_use=bool(is_in_use),
            )


def build_stores(
    on_memory_erased: Callable[[], None] | None = None, *, is_serving: bool = True
) -> tuple[PurgeStore, ...]:
    """Return every store of an assistant, in the order in which they are emptied.

    Args:
        on_memory_erased: closes the open scopes of memory.
        is_serving: a runtime is running and will end what it has begun.
    """
    return (
        SqlStore(CONVERSATIONS, is_serving=is_serving),
        SqlStore(TASKS, is_serving=is_serving),
        SqlStore(MEMORY, on_memory_erased),
        SqlStore(AUDIT_DETAIL),
    )


def cut_chunks(values: Iterable[T], size: int = PARAMETERS_MAX) -> Iterator[tuple[T, ...]]:
    """Yield `values` in tuples of at most `size`."""
    iterator = iter(values)
    while chunk := tuple(islice(iterator, size)):
        yield chunk


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
