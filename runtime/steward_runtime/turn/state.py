"""The state of one turn (pure): what is pinned, what happened, and what that amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from steward_runtime.labels import BOTTOM, DataClass, Label, join
from steward_runtime.turn.events import TurnRequested
from steward_runtime.turn.messages import (
    NO_USAGE,
    Message,
    Recalled,
    Role,
    ToolCall,
    ToolOffer,
    Usage,
)

PARAGRAPH: Final = "\n\n"
"""Stands between the texts of two model calls in one reply."""
NO_PROMPT: Final = Message(Role.SYSTEM, "", BOTTOM)


@dataclass(frozen=True, slots=True)
class TurnSetting:
    """What a turn works with besides its events.

    Attributes:
        prompt: the system message of the pinned Prompt revision.
        tools: the assistant's tools as pinned.
        context_tokens: tokens that one request to a model may have, 1 counted per 4 bytes.
        model_calls_max: model calls of one turn, by the newest limits.
        has_memory: the assistant remembers across conversations.
        history: messages of the conversation before this turn.
    """

    prompt: Message = NO_PROMPT
    tools: tuple[ToolOffer, ...] = ()
    context_tokens: int = 8_192
    model_calls_max: int = 8
    has_memory: bool = False
    history: tuple[Message, ...] = ()


NO_SETTING: Final = TurnSetting()
"""Enough to read the outcome of a task, not to go on with it."""


class CallStatus(StrEnum):
    """How far a tool call has come."""

    REQUESTED = "Requested"
    INTENDED = "Intended"
    SENT = "Sent"
    RESOLVED = "Resolved"


@dataclass(frozen=True, slots=True)
class CallState:
    """One tool call of one model answer.

    Attributes:
        step: `<model call>.<index>`.
        call: the call as the model asked for it.
        is_client: the client runs it.
        is_read: it changes nothing.
        status: how far it has come.
        attempts: times it was sent.
        text: what the model is told: the result, or why there is none.
        label: label of `text`.
        reason: why there is no result, or empty.
    """

    step: str
    call: ToolCall
    is_client: bool = False
    is_read: bool = False
    status: CallStatus = CallStatus.REQUESTED
    attempts: int = 0
    text: str = ""
    label: Label = BOTTOM
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One model answer and what became of its calls; `label` covers text and arguments."""

    number: int
    text: str
    label: Label
    finish_reason: str
    model: str
    calls: tuple[CallState, ...] = ()

    @property
    def open_calls(self) -> tuple[CallState, ...]:
        """Calls of the assistant's own tools that have no result yet."""
        return tuple(
            call
            for call in self.calls
            if not call.is_client and call.status is not CallStatus.RESOLVED
        )

    @property
    def client_calls(self) -> tuple[ToolCall, ...]:
        """Calls that the client runs."""
        return tuple(call.call for call in self.calls if call.is_client)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn ends without reply; `message` is a plain sentence without content."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class TurnState:
    """Everything that is known of a turn.

    Attributes:
        task_id: the task.
        setting: what the turn works with.
        request: what was asked; None before the first event.
        recalled: records of memory before the model; None until memory was searched.
        model_calls: model calls started, also those that a crash cut off.
        exchanges: answers of models so far.
        usage: tokens so far.
        is_remembered: memory was written, or was refused.
        failure: why the turn must end without reply.
        is_replied: the turn ended with a reply.
        is_failed: the turn ended without one.
        ended_at_ms: when it ended.
    """

    task_id: str
    setting: TurnSetting = NO_SETTING
    request: TurnRequested | None = None
    recalled: tuple[Recalled, ...] | None = None
    model_calls: int = 0
    exchanges: tuple[Exchange, ...] = ()
    usage: Usage = NO_USAGE
    is_remembered: bool = False
    failure: Failure | None = None
    is_replied: bool = False
    is_failed: bool = False
    ended_at_ms: int = 0

    @property
    def is_ended(self) -> bool:
        """Nothing more will happen."""
        return self.is_replied or self.is_failed

    @property
    def offers(self) -> tuple[ToolOffer, ...]:
        """Tools of the assistant and of the client."""
        client_tools = () if self.request is None else self.request.client_tools
        return self.setting.tools + client_tools


class TaskStatus(StrEnum):
    """Where a task stands, as told to its owner."""

    RUNNING = "Running"
    REPLIED = "Replied"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn.

    Attributes:
        status: where it stands.
        text: text of the reply.
        tool_calls: calls that the client runs.
        finish_reason: `stop`, `length`, `tool_calls` or `content_filter`.
        usage: tokens of all model calls.
        model: Model that gave the last answer.
        label: join of everything that the reply was made from.
        reason: why it failed, or empty.
        message: plain sentence about the failure.
    """

    status: TaskStatus
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = NO_USAGE
    model: str = ""
    label: Label = BOTTOM
    reason: str = ""
    message: str = ""


def count_calls(state: TurnState, *, besides: str) -> dict[str, int]:
    """Count the calls of each tool that were allowed in this turn, without the step `besides`."""
    counts: dict[str, int] = {}
    for exchange in state.exchanges:
        for call in exchange.calls:
            was_allowed = call.status in {CallStatus.INTENDED, CallStatus.SENT} or call.attempts > 0
            if was_allowed and call.step != besides:
                counts[call.call.tool] = counts.get(call.call.tool, 0) + 1
    return counts


def read_outcome(state: TurnState) -> Outcome:
    """Say what came of a turn."""
    if state.failure is not None and not state.is_replied:
        status = TaskStatus.FAILED if state.is_failed else TaskStatus.RUNNING
        return Outcome(
            status,
            usage=state.usage,
            reason=state.failure.reason,
            message=state.failure.message,
        )
    if not state.is_replied or not state.exchanges:
        return Outcome(TaskStatus.RUNNING)
    last = state.exchanges[-1]
    return Outcome(
        TaskStatus.REPLIED,
        text=join_texts(state.exchanges),
        tool_calls=last.client_calls,
        finish_reason="tool_calls" if last.client_calls else last.finish_reason,
        usage=state.usage,
        model=last.model,
        label=label_exchanges(state.exchanges),
    )


def join_texts(exchanges: tuple[Exchange, ...]) -> str:
    """Return the text of the reply: what every model call said, in order."""
    return PARAGRAPH.join(exchange.text for exchange in exchanges if exchange.text)


def label_exchanges(exchanges: tuple[Exchange, ...]) -> Label:
    """Return the label of the reply, stored with its conversation."""
    return join(*(exchange.label for exchange in exchanges)).stored_as(DataClass.CONVERSATIONS)
