"""Wrappers that kill the process they run in: of the journal, and of what has effects."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from steward_runtime.journal.journal import Entry, Step, StepLog
from steward_runtime.journal.records import RecordType
from steward_runtime.labels import Label
from steward_runtime.policy.permit import Permit
from steward_runtime.storage.connection import Connection
from steward_runtime.tasks.ports import ChatModel, Memory, MemoryWrite, ToolAdapter
from steward_runtime.turn.messages import (
    ChatDelta,
    ChatDone,
    ChatRequest,
    Recalled,
    Role,
    ToolOutcome,
    ToolRequest,
)


class Moment(StrEnum):
    """When the process dies, seen from a record of the type."""

    BEFORE_APPEND = "before-append"
    AFTER_APPEND = "after-append"
    AFTER_EFFECT = "after-effect"
    """After what the record announces or reports has happened, before its result is journaled."""


@dataclass(frozen=True, slots=True)
class KillPoint:
    """One place to die."""

    type: RecordType
    moment: Moment

    def __str__(self) -> str:
        """Write `<type>:<moment>`, the form that a process takes as argument."""
        return f"{self.type}:{self.moment}"


def parse_kill_point(text: str) -> KillPoint:
    """Read the form that `str` writes."""
    type_name, moment = text.split(":")
    return KillPoint(RecordType(type_name), Moment(moment))


def die() -> None:
    """Kill this process: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


class KillAt:
    """A journal that dies before or after the first step with a record of the given type.

    Args:
        inner: the journal.
        point: where to die.
    """

    def __init__(self, inner: StepLog, point: KillPoint) -> None:
        self._inner = inner
        self._point = point

    async def append(self, step: Step) -> None:
        """Append a step, unless this is the place."""
        is_place = self._point.type in step.types
        if is_place and self._point.moment is Moment.BEFORE_APPEND:
            die()
        await self._inner.append(step)
        if is_place and self._point.moment is Moment.AFTER_APPEND:
            die()

    async def read(self, task_id: str) -> tuple[Entry, ...]:
        """Read the records of a task."""
        return await self._inner.read(task_id)


class Watch:
    """Notes every effect before it is made, and dies after those of one kind.

    Args:
        note: hears of every effect, so that a test can count them.
        kind: `CallModel`, `CallTool`, `Recall`, `Remember`, or empty to live on.
    """

    def __init__(self, note: Callable[[str], None], kind: str = "") -> None:
        self.note = note
        self._kind = kind

    def end(self, kind: str) -> None:
        """Hear that an effect has happened."""
        if kind == self._kind:
            die()


class WatchedModel:
    """A model under watch; a note holds the number of the answer that is asked for."""

    def __init__(self, inner: ChatModel, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask the model."""
        answers = sum(message.role is Role.ASSISTANT for message in request.messages)
        self._watch.note(f"CallModel {answers + 1}")
        try:
            async for piece in self._inner.complete(permit, request):
                yield piece
        finally:
            self._watch.end("CallModel")


class WatchedTools:
    """Tools under watch; a note holds the idempotency key."""

    def __init__(self, inner: ToolAdapter, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Call the tool."""
        self._watch.note(f"CallTool {request.key}")
        outcome = await self._inner.call(permit, request)
        self._watch.end("CallTool")
        return outcome


class WatchedMemory:
    """A memory under watch; a write is over inside the journal's transaction."""

    def __init__(self, inner: Memory, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    async def recall(self, permit: Permit, query: str) -> tuple[Recalled, ...]:
        """Search the memory."""
        self._watch.note("Recall 1")
        records = await self._inner.recall(permit, query)
        self._watch.end("Recall")
        return records

    async def prepare(self, permit: Permit, text: str, label: Label, *, key: str) -> MemoryWrite:
        """Prepare a write of the memory."""
        self._watch.note("Remember 1")
        write = await self._inner.prepare(permit, text, label, key=key)

        def write_and_end(connection: Connection) -> int:
            written = write(connection)
            self._watch.end("Remember")
            return written

        return write_and_end
