"""Rows of every class, written by the code that writes them in the product."""

from __future__ import annotations

from dataclasses import dataclass

from steward_memory import SAID_BY_USER, build_segment
from steward_runtime.audit.sink import AuditSink, Judgement
from steward_runtime.clock import RandomIds
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.journal.journal import Journal, Step
from steward_runtime.journal.records import encode_event
from steward_runtime.memory import rows as memory_rows
from steward_runtime.memory.hybrid import build_unit_vector
from steward_runtime.memory.segments import build_record_label
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.tasks.rows import TaskRow, end_task, insert_task, write_ledger
from steward_runtime.turn import events
from steward_runtime.turn.messages import Caller, Message, Role
from steward_runtime.turn.state import TaskStatus

IDS = RandomIds()
DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Seeded:
    """A record that was written, and the plaintext that marks it."""

    store: str
    record_id: str
    marker: bytes


def _mark(text: str) -> tuple[str, bytes]:
    """Return a text with a marker that occurs nowhere else, and the marker."""
    marker = IDS.new_id("marker")
    return f"{text} {marker}", marker.encode()


def seed_conversation(
    database: Database,
    keyring: Keyring,
    at_ms: int,
    *,
    subject: str = "ada",
    messages: int = 2,
    length: int = 200,
) -> Seeded:
    """Write a conversation whose last change was at a time."""
    conversations = Conversations(keyring)
    conversation_id = IDS.new_id("conv")
    text, marker = _mark("x" * length)

    def write(connection: Connection) -> None:
        caller = Caller("key-1", subject)
        conversations.create(connection, conversation_id, caller, at_ms)
        said = tuple(Message(Role.USER, text, SAID_BY_USER) for _ in range(messages))
        conversations.append(
            connection, conversation_id, said, task_id=IDS.new_id("task"), at_ms=at_ms
        )

    database.write_now(write)
    return Seeded("conversations", conversation_id, marker)


def seed_task(
    database: Database,
    keyring: Keyring,
    at_ms: int,
    *,
    subject: str = "ada",
    conversation_id: str = "conv_none",
    is_ended: bool = True,
    deadline_at_ms: int | None = None,
) -> Seeded:
    """Write a task that called a tool, ended at a time unless told otherwise."""
    task_id = IDS.new_id("task")
    text, marker = _mark("found")
    step = Step(
        task_id,
        subject,
        1,
        at_ms,
        tuple(
            encode_event(event)
            for event in (
                events.ToolIntended("1.0", "lookup", "key"),
                events.ToolFinished("1.0", text, SAID_BY_USER),
            )
        ),
    )
    journal = Journal(database, keyring)
    task = TaskRow(
        task_id,
        subject,
        subject,
        conversation_id,
        DIGEST,
        "Running",
        "",
        b"r",
        at_ms,
        at_ms if deadline_at_ms is None else deadline_at_ms,
    )

    def write(connection: Connection) -> None:
        insert_task(connection, task)
        journal.write_step(connection, step)
        write_ledger(connection, task_id, events.ToolIntended("1.0", "lookup", task_id), at_ms)
        if is_ended:
            end_task(connection, task_id, next(iter(TaskStatus)), "", at_ms)

    database.write_now(write)
    return Seeded("tasks", task_id, marker)


def seed_memory(
    database: Database, keyring: Keyring, at_ms: int, *, subject: str = "ada"
) -> Seeded:
    """Write a memory with a vector."""
    segment = build_segment()
    memory_id = IDS.new_id("mem")
    text, marker = _mark("I like tea")
    draft = memory_rows.Draft(
        memory_id=memory_id,
        subject=subject,
        segment=segment,
        written_by=memory_id.encode(),
        text=text,
        label=build_record_label(SAID_BY_USER, segment, subject),
        model_digest=DIGEST,
        vector=build_unit_vector([1.0, 2.0, 3.0]),
    )
    database.write_now(lambda connection: memory_rows.insert(connection, keyring, draft, at_ms))
    return Seeded("memory", memory_id, marker)


def seed_audit(
    database: Database,
    keyring: Keyring,
    at_ms: int,
    *,
    subject: str | None = "ada",
    task_id: str | None = None,
) -> Seeded:
    """Write an audit leaf and its detail."""
    target, marker = _mark("tool")
    judgement = Judgement(
        at_ms=at_ms,
        task_id=IDS.new_id("task") if task_id is None else task_id,
        subject=subject,
        command="CallTool",
        target=target,
        step="1.0",
        is_allowed=True,
        reason="WithinContract",
        label=SAID_BY_USER,
        content_digest="",
        blueprint_digest=DIGEST,
    )

    def write(connection: Connection) -> int:
        AuditSink(keyring, IDS).append(connection, [judgement])
        (seq,) = connection.execute("SELECT max(seq) FROM audit_details").fetchone()
        return int(seq)

    return Seeded("audit-detail", str(database.write_now(write)), marker)
