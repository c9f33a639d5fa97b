"""What a turn wants to happen next (pure). Each command is judged by `policy.decide` first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from steward_runtime.labels import Label
from steward_runtime.turn.messages import ChatRequest, ToolCall, Usage


class CommandKind(StrEnum):
    """Kinds of commands, as in audit records and permits."""

    RECALL = "Recall"
    CALL_MODEL = "CallModel"
    CALL_TOOL = "CallTool"
    REMEMBER = "Remember"
    REPLY = "Reply"
    FAIL = "Fail"


@dataclass(frozen=True, slots=True)
class Recall:
    """Search the subject's memory for what `query` is about."""

    query: str
    label: Label

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.RECALL


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask a model; `label` is the join of everything in the request, `number` counts from 1."""

    number: int
    request: ChatRequest
    label: Label

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.CALL_MODEL


@dataclass(frozen=True, slots=True)
class CallTool:
    """Call a tool of the assistant.

    Attributes:
        step: `<model call>.<index>`.
        call: the call as the model asked for it.
        label: label of the arguments.
        attempt: 1, or 2 for a call that was sent before a crash and may be repeated.
        was_sent: the call went out before a crash, and no result was recorded.
    """

    step: str
    call: ToolCall
    label: Label
    attempt: int = 1
    was_sent: bool = False

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.CALL_TOOL


@dataclass(frozen=True, slots=True)
class Remember:
    """Write what the user said in this turn to the segments that keep user messages."""

    text: str
    label: Label

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.REMEMBER


@dataclass(frozen=True, slots=True)
class Reply:
    """End the turn with an answer; `tool_calls` are those that the client runs."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    label: Label
    finish_reason: str
    usage: Usage
    model: str

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.REPLY


@dataclass(frozen=True, slots=True)
class Fail:
    """End the turn without an answer."""

    reason: str
    message: str

    @property
    def kind(self) -> CommandKind:
        """Kind of this command."""
        return CommandKind.FAIL


Command: TypeAlias = Recall | CallModel | CallTool | Remember | Reply | Fail
