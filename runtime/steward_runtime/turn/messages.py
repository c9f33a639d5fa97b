"""What is said in a turn: messages, tool calls, tool offers, and what a model is asked (pure).

JSON stays text here (`arguments`, `schema`), as on OpenAI's wire: the turn never looks inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from steward_runtime.labels import Label


class Role(StrEnum):
    """Who speaks, in the words of OpenAI's API."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by pseudonym.

    Attributes:
        principal: pseudonym of the key that was shown.
        subject: pseudonym of the person for whom it acts; None means nobody, and no memory.
    """

    principal: str
    subject: str | None = None

    @property
    def owner(self) -> str:
        """Pseudonym that owns conversations and tasks: the subject, or else the key."""
        return self.subject if self.subject is not None else self.principal


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for: `arguments` is JSON text, exactly as the model wrote it."""

    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message with the label of its content.

    Attributes:
        role: the role under which the model sees it.
        text: the content.
        label: label of text and arguments.
        tool_calls: calls of an assistant message.
        call_id: the call that a tool message answers.
    """

    role: Role
    text: str
    label: Label
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A message as a client sent it; `role` is a claim that grants nothing.

    Attributes:
        role: `system`, `developer`, `user`, `assistant` or `tool`.
        text: the content.
        tool_calls: calls of an assistant message.
        call_id: the call that a tool message answers.
    """

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool as the model sees it: `schema` is the JSON text of the arguments' JSON Schema.

    Attributes:
        name: name of the tool.
        description: what it does, told to the model.
        schema: JSON Schema of the arguments, as text.
        is_client: the client runs it; a call ends the turn with `tool_calls`.
        is_read: a call changes nothing, so that calls may run side by side.
    """

    name: str
    description: str
    schema: str
    is_client: bool = False
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the client may tune; None leaves the model's default.

    Attributes:
        temperature_milli: temperature in thousandths.
        top_p_milli: nucleus in thousandths.
        max_tokens: tokens of the reply, never above the Model's own bound.
        stop: texts at which the reply ends.
        seed: seed of sampling.
        tool_choice: JSON text of OpenAI's `tool_choice`.
        response_format: JSON text of OpenAI's `response_format`.
    """

    temperature_milli: int | None = None
    top_p_milli: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tool_choice: str | None = None
    response_format: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the models counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


NO_USAGE: Final = Usage()
NO_OPTIONS: Final = ModelOptions()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What one model call is asked."""

    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...] = ()
    options: ModelOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of the reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ChatDone:
    """The end of a model's answer.

    Attributes:
        text: the whole text, which is the concatenation of the deltas.
        tool_calls: calls that the model asks for.
        finish_reason: `stop`, `length`, `tool_calls` or `content_filter`.
        usage: tokens of this call.
        model: name of the Model that answered, for fail-over is invisible otherwise.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = NO_USAGE
    model: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """One record of memory that was put before the model.

    Attributes:
        record_id: locator of the record.
        segment: segment that it comes from.
        text: the content.
        label: its label.
        written_at_ms: when it was written.
    """

    record_id: str
    segment: str
    text: str
    label: Label
    written_at_ms: int


class ToolOutcomeKind(StrEnum):
    """How one tool call ended."""

    ANSWERED = "Answered"
    """The tool answered; `text` is the result."""
    REFUSED = "Refused"
    """The tool answered with an error, or its answer is not acceptable. Nothing is in doubt."""
    NOT_SENT = "NotSent"
    """The request never reached the tool."""
    UNKNOWN = "Unknown"
    """The request went out and no answer came: whether it acted is not known."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """One call of a tool of the assistant.

    Attributes:
        tool: name of the tool.
        arguments: JSON text that matched the tool's input schema.
        key: idempotency key, the same for every attempt of this call.
        attempt: 1 for the first time, 2 after a crash with an unknown outcome.
    """

    tool: str
    arguments: str
    key: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of a tool call.

    Attributes:
        kind: how it ended.
        text: the result if `kind` is ANSWERED, else empty.
        reason: CamelCase code if it is not, for example `ToolTimeout`.
        message: plain sentence for the model, without content.
    """

    kind: ToolOutcomeKind
    text: str = ""
    reason: str = ""
    message: str = ""
