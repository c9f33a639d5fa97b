"""Rows of tasks and of the ledger of effects. Each function runs inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from steward_runtime.crypto.keyring import NO_SUBJECT
from steward_runtime.policy.decide import TOOL_OUTCOME_UNKNOWN
from steward_runtime.storage.connection import Connection
from steward_runtime.tasks.conversations import busy
from steward_runtime.turn import events
from steward_runtime.turn.apply import build_call_key
from steward_runtime.turn.state import TaskStatus

_COLUMNS = (
    "task_id, owner, subject, conversation_id, blueprint_digest, status, reason, retry_key, "
    "accepted_at, deadline_at, ended_at"
)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task as it stands in clear: pseudonyms, codes and times.

    Attributes:
        task_id: its id.
        owner: pseudonym that may see it.
        subject: pseudonym of the person whose data it holds, or None.
        conversation_id: conversation that it belongs to.
        blueprint_digest: prompt, models and tool schemas that it is pinned to.
        status: where it stands.
        reason: why it failed, or empty.
        retry_key: keyed digest of caller and request, to recognise a client's retry.
        accepted_at_ms: when it was accepted.
        deadline_at_ms: when it fails.
        ended_at_ms: when it ended, or None.
    """

    task_id: str
    owner: str
    subject: str | None
    conversation_id: str
    blueprint_digest: str
    status: str
    reason: str
    retry_key: bytes
    accepted_at_ms: int
    deadline_at_ms: int
    ended_at_ms: int | None = None

    @property
    def key_subject(self) -> str:
        """Subject of the data key of its records."""
        return self.subject or NO_SUBJECT


def insert_task(connection: Connection, task: TaskRow) -> None:
    """Write the row of an accepted task.

    Raises:
        ConversationBusy: if another task of its conversation is not finished.
    """
    running = connection.execute(
        "SELECT 1 FROM tasks WHERE conversation_id = ? AND ended_at IS NULL LIMIT 1",
        (task.conversation_id,),
    ).fetchone()
    if running is not None:
        raise busy(task.conversation_id)
    connection.execute(
        f"INSERT INTO tasks ({_COLUMNS}, changed_at) "  # noqa: S608 # our own column names
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
        (
            task.task_id,
            task.owner,
            task.subject,
            task.conversation_id,
            task.blueprint_digest,
            task.status,
            task.reason,
            task.retry_key,
            task.accepted_at_ms,
            task.deadline_at_ms,
            task.accepted_at_ms,
        ),
    )


def end_task(
    connection: Connection, task_id: str, status: TaskStatus, reason: str, at_ms: int
) -> None:
    """Mark a task as ended."""
    connection.execute(
        "UPDATE tasks SET status = ?, reason = ?, ended_at = ?, changed_at = ? WHERE task_id = ?",
        (status.value, reason, at_ms, at_ms, task_id),
    )


def find_task(connection: Connection, task_id: str, owner: str) -> TaskRow | None:
    """Return a task of this owner; None for a foreign or absent one alike."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM tasks WHERE task_id = ? AND owner = ?",  # noqa: S608 # our own names
        (task_id, owner),
    ).fetchone()
    return None if row is None else TaskRow(*row)


def find_retried(connection: Connection, retry_key: bytes, since_ms: int) -> TaskRow | None:
    """Return the newest task that the same request began at or after `since_ms`."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM tasks WHERE retry_key = ? AND accepted_at >= ? "  # noqa: S608 # ours
        "ORDER BY accepted_at DESC LIMIT 1",
        (retry_key, since_ms),
    ).fetchone()
    return None if row is None else TaskRow(*row)


def gather_unfinished(connection: Connection) -> tuple[TaskRow, ...]:
    """Return every task that has not ended, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM tasks WHERE ended_at IS NULL "  # noqa: S608 # our own names
        "ORDER BY accepted_at, task_id"
    )
    return tuple(TaskRow(*row) for row in rows)


def write_ledger(connection: Connection, task_id: str, event: events.Event, at_ms: int) -> None:
    """Bring the ledger up to date with an event of a tool call; other events change nothing."""
    match event:
        case events.ToolIntended():
            connection.execute(
                "INSERT OR IGNORE INTO ledger (key, task_id, step, tool, status, attempts, "
                "changed_at) VALUES (?, ?, ?, ?, 'Intended', 0, ?)",
                (event.key, task_id, event.step, event.tool, at_ms),
            )
        case events.ToolSent():
            connection.execute(
                "UPDATE ledger SET status = 'Sent', attempts = ?, changed_at = ? WHERE key = ?",
                (event.attempt, at_ms, build_call_key(task_id, event.step)),
            )
        case events.ToolFinished():
            _resolve(connection, build_call_key(task_id, event.step), "Answered", at_ms)
        case events.ToolFailed():
            status = "Unknown" if event.reason == TOOL_OUTCOME_UNKNOWN else "Failed"
            _resolve(connection, build_call_key(task_id, event.step), status, at_ms)
        case _:
            pass


def _resolve(connection: Connection, key: str, status: str, at_ms: int) -> None:
    connection.execute(
        "UPDATE ledger SET status = ?, changed_at = ? WHERE key = ?", (status, at_ms, key)
    )
