"""What has happened in a turn (pure). Every event is one journal record.

The order of a tool-calling turn: TurnRequested, RecallFinished, ModelStarted, ModelReplied,
ToolIntended, ToolSent, ToolFinished, ModelStarted, ModelReplied, RememberFinished, Replied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from steward_runtime.labels import Label
from steward_runtime.turn.messages import (
    Caller,
    Message,
    ModelOptions,
    Recalled,
    ToolCall,
    ToolOffer,
    Usage,
)


@dataclass(frozen=True, slots=True)
class TurnRequested:
    """A request was accepted.

    Attributes:
        caller: who asks.
        conversation_id: conversation that the turn belongs to.
        history_length: messages of the conversation before this turn.
        messages: what the client sent, labelled, roles already bounded.
        options: what the client tunes.
        client_tools: tools that the client runs.
        blueprint_digest: prompt, models and tool schemas that the task is pinned to.
        accepted_at_ms: time of acceptance.
        deadline_at_ms: time at which the task fails.
    """

    caller: Caller
    conversation_id: str
    history_length: int
    messages: tuple[Message, ...]
    options: ModelOptions
    client_tools: tuple[ToolOffer, ...]
    blueprint_digest: str
    accepted_at_ms: int
    deadline_at_ms: int


@dataclass(frozen=True, slots=True)
class RecallFinished:
    """Memory was searched."""

    records: tuple[Recalled, ...]


@dataclass(frozen=True, slots=True)
class ModelStarted:
    """A model call is about to be made.

    `number` counts answers from 1: a call that a crash cut off is made again under its number.
    """

    number: int


@dataclass(frozen=True, slots=True)
class ModelReplied:
    """A model answered; `label` covers text and arguments."""

    number: int
    text: str
    tool_calls: tuple[ToolCall, ...]
    label: Label
    finish_reason: str
    usage: Usage
    model: str


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """No model gave a usable answer."""

    number: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolIntended:
    """A call was allowed. `step` is `<model call>.<index>`, `key` its idempotency key."""

    step: str
    tool: str
    key: str


@dataclass(frozen=True, slots=True)
class ToolSent:
    """The call is about to leave; from here on it may have acted."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The tool answered."""

    step: str
    text: str
    label: Label


@dataclass(frozen=True, slots=True)
class ToolFailed:
    """The call gave no result; `reason` is ToolOutcomeUnknown where it may have acted."""

    step: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A command was not allowed.

    Attributes:
        command: kind of the command, for example `CallTool`.
        step: the tool call, or empty.
        reason: CamelCase code.
        message: plain sentence for the model, without content.
    """

    command: str
    step: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RememberFinished:
    """What the user said was written to memory under `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The turn ended with a reply, which follows from the events before."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ended without a reply."""

    reason: str
    message: str
    at_ms: int


Event: TypeAlias = (
    TurnRequested
    | RecallFinished
    | ModelStarted
    | ModelReplied
    | ModelFailed
    | ToolIntended
    | ToolSent
    | ToolFinished
    | ToolFailed
    | Denied
    | RememberFinished
    | Replied
    | Failed
)
