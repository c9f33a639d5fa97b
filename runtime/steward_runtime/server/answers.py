"""Shapes of answers, for the OpenAPI document alone: answers themselves are written by `render`.

A test holds every rendered answer against its model. Imported on the first request for the
document, so that starting pays nothing for it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from steward_api.meta import Sensitivity
from steward_runtime.server.wire import Call
from steward_runtime.tasks.requests import StepType
from steward_runtime.turn.state import CallStatus, TaskStatus


class _Answer(BaseModel):
    """A JSON object with exactly these members."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(_Answer):
    """What went wrong; `code` is one of the reasons in the reference of errors."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorAnswer(_Answer):
    """Body of every refusal and failure."""

    error: ErrorDetail


class Usage(_Answer):
    """Tokens as the model counted them, over all its calls of the task."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ReplyMessage(_Answer):
    """The assistant's message; `tool_calls` are for the client to run."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[Call] | None = None


class Choice(_Answer):
    """The one choice of a reply."""

    index: Literal[0]
    message: ReplyMessage
    logprobs: None
    finish_reason: str


class Completion(_Answer):
    """A reply that does not stream."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class DeltaCall(Call):
    """A tool call inside a stream."""

    index: int


class Delta(_Answer):
    """What one event adds to the message."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[DeltaCall] | None = None


class ChunkChoice(_Answer):
    """The one choice of an event."""

    index: Literal[0]
    delta: Delta
    logprobs: None
    finish_reason: str | None


class Chunk(_Answer):
    """One event of a streamed reply; the last one with usage has no choice."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


class ModelAnswer(_Answer):
    """The assistant as a model that clients may choose."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(_Answer):
    """All models: the assistant alone."""

    object: Literal["list"]
    data: list[ModelAnswer]


class RecallStep(_Answer):
    """Which records of memory a turn has read."""

    type: Literal[StepType.RECALL]
    status: CallStatus
    records: list[str]


class ToolStep(_Answer):
    """Which tool a turn has called, and how that ended."""

    type: Literal[StepType.TOOL]
    status: CallStatus
    tool: str
    reason: str | None


class TaskAnswer(_Answer):
    """A task: where it stands, and the reply as the client would have got it."""

    id: str
    object: Literal["steward.task"]
    status: TaskStatus
    conversation: str
    created: int
    ended: int | None
    steps: list[RecallStep | ToolStep]
    completion: Completion | None
    error: ErrorDetail | None


class ConversationMessage(_Answer):
    """One stored message."""

    task: str
    created: int
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None


class ConversationAnswer(_Answer):
    """A conversation with its messages."""

    id: str
    object: Literal["steward.conversation"]
    created: int
    changed: int
    messages: list[ConversationMessage]


class MemoryAnswer(_Answer):
    """One record of memory."""

    id: str
    object: Literal["steward.memory"]
    segment: str
    text: str
    sensitivity: Sensitivity
    created: int


class MemoryList(_Answer):
    """Records of memory."""

    object: Literal["list"]
    data: list[MemoryAnswer]


class MemoryDeleted(_Answer):
    """A record of memory that is gone."""

    id: str
    object: Literal["steward.memory"]
    deleted: Literal[True]


class HealthAnswer(_Answer):
    """`alive`, `ready`, or why no work is taken."""

    status: str
