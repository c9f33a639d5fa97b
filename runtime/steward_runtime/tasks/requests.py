"""What the door hands to the driver, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steward_runtime.tasks.conversations import StoredMessage
from steward_runtime.turn.messages import (
    NO_OPTIONS,
    Caller,
    ClientMessage,
    ModelOptions,
    ToolOffer,
)
from steward_runtime.turn.state import CallStatus, Outcome


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One chat request of an authenticated caller.

    Attributes:
        caller: who asks.
        messages: what was sent, in order.
        body_digest: SHA-256 over the request body, to recognise a client's retry.
        conversation_id: conversation to go on with; None begins one.
        options: what the client tunes.
        client_tools: tools that the client runs.
        is_retry: the client says that it sent this before (`x-stainless-retry-count` above 0).
    """

    caller: Caller
    messages: tuple[ClientMessage, ...]
    body_digest: bytes
    conversation_id: str | None = None
    options: ModelOptions = NO_OPTIONS
    client_tools: tuple[ToolOffer, ...] = ()
    is_retry: bool = False


class StepType(StrEnum):
    """What a step of a task was."""

    RECALL = "Recall"
    TOOL = "Tool"


@dataclass(frozen=True, slots=True)
class TaskStep:
    """One step of a task in the journal: that it happened, never what was said.

    Attributes:
        type: what it was.
        status: how far it came.
        tool: name of the tool, or empty.
        reason: why there is no result, or empty.
        records: ids of the records of memory that were put before the model.
    """

    type: StepType
    status: CallStatus
    tool: str = ""
    reason: str = ""
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as its owner sees it.

    Attributes:
        task_id: the task.
        conversation_id: conversation that it belongs to.
        accepted_at_ms: when it was accepted.
        ended_at_ms: when it ended, or None.
        outcome: where it stands, and the reply if there is one.
        steps: what was done for it, once it has ended and while its journal can be read.
    """

    task_id: str
    conversation_id: str
    accepted_at_ms: int
    ended_at_ms: int | None
    outcome: Outcome
    steps: tuple[TaskStep, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation as its owner sees it."""

    conversation_id: str
    created_at_ms: int
    changed_at_ms: int
    messages: tuple[StoredMessage, ...]
