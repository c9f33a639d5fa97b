"""What the driver needs from other rooms, as protocols that adapters satisfy by their shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from steward_runtime.labels import Label
from steward_runtime.policy.permit import Permit
from steward_runtime.storage.connection import Connection
from steward_runtime.turn.messages import (
    ChatDelta,
    ChatDone,
    ChatRequest,
    Recalled,
    ToolOutcome,
    ToolRequest,
)

MemoryWrite: TypeAlias = Callable[[Connection], int]
"""Writes prepared records inside the journal's own transaction; returns how many are new."""


class ChatModel(Protocol):
    """Answers chat requests: any number of ChatDelta, then one ChatDone.

    Raises `ModelError` or a subclass where no usable answer came. The permit covers
    `CommandKind.CALL_MODEL` of `decide.MODEL_TARGET`.
    """

    def complete(self, permit: Permit, request: ChatRequest) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask for one answer. Closing the iterator cancels the call."""
        ...


class ToolAdapter(Protocol):
    """Calls the assistant's tools. Never raises for what the tool does: the outcome says it.

    The permit covers `CommandKind.CALL_TOOL` of `request.tool`.
    """

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make one call and say what came of it."""
        ...


class Memory(Protocol):
    """Memory across conversations of one subject, named in the permit.

    The permit covers `CommandKind.RECALL` or `CommandKind.REMEMBER` of `decide.MEMORY_TARGET`.
    """

    async def recall(self, permit: Permit, query: str) -> tuple[Recalled, ...]:
        """Find what is worth putting before the model, within the segments' budgets."""
        ...

    async def prepare(self, permit: Permit, text: str, label: Label, *, key: str) -> MemoryWrite:
        """Prepare writing `text` to every segment that keeps user messages.

        Slow work (embedding) happens here. The returned function runs in the transaction of the
        journal record; called again with the same `key` it writes nothing new.
        """
        ...


class Observer(Protocol):
    """Hears of what the driver does; for spans and metrics. Never gets content."""

    def effect(self, task_id: str, kind: str, target: str) -> AbstractContextManager[None]:
        """Surround one effect: `kind` as in CommandKind, `target` the tool or `model`."""
        ...

    def decided(self, kind: str, target: str, reason: str, *, is_allowed: bool) -> None:
        """Hear of one decision."""
        ...

    def ended(self, task_id: str, reason: str, seconds: float) -> None:
        """Hear that a task ended; `reason` is `Replied` or why it failed."""
        ...

    def fault(self, task_id: str, kind: str, error: BaseException) -> None:
        """Hear of an error that nobody expected. Log its type and place, never its text."""
        ...


class SilentObserver:
    """Hears everything and tells nobody."""

    def effect(self, task_id: str, kind: str, target: str) -> AbstractContextManager[None]:
        """Surround one effect with nothing."""
        return nullcontext()

    def decided(self, kind: str, target: str, reason: str, *, is_allowed: bool) -> None:
        """Ignore a decision."""

    def ended(self, task_id: str, reason: str, seconds: float) -> None:
        """Ignore the end of a task."""

    def fault(self, task_id: str, kind: str, error: BaseException) -> None:
        """Ignore an error."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters of one Blueprint; `memory` is None where the assistant has none."""

    model: ChatModel
    tools: ToolAdapter
    memory: Memory | None = None
