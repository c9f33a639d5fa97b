"""Shapes of request bodies; unknown members are refused by name.

The documentation of the API and `parse` both come from these models. What OpenAI knows and Steward
cannot do is refused in its non-neutral form, so that nobody believes it had an effect. `user`,
`metadata`, `store: false`, `safety_identifier`, `prompt_cache_key` and a message's `name` are taken
and have none.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MESSAGES_MAX = 4_096
TOOLS_MAX = 128
"""OpenAI's own bound."""
STOPS_MAX = 4

ToolName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern="^[a-zA-Z0-9_-]+$")
]


class _Body(BaseModel):
    """A JSON object without unknown members and without conversions."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(_Body):
    """A part of a message; only text is taken."""

    type: Literal["text"]
    text: str


class CallFunction(_Body):
    """Function and arguments of a call."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    arguments: str


class Call(_Body):
    """A tool call of an earlier assistant message."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    type: Literal["function"] = "function"
    function: CallFunction
    index: int | None = None


class ChatMessage(_Body):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


class OfferedFunction(_Body):
    """A function that the client runs."""

    name: ToolName
    description: Annotated[str, Field(max_length=4_096)] = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class OfferedTool(_Body):
    """A tool that the client runs."""

    type: Literal["function"]
    function: OfferedFunction


class NamedFunction(_Body):
    """Name of the tool that must be called."""

    name: ToolName


class NamedTool(_Body):
    """Choice of one tool."""

    type: Literal["function"]
    function: NamedFunction


class StreamOptions(_Body):
    """What a stream also carries."""

    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class JsonSchemaFormat(_Body):
    """The JSON Schema that a reply must follow."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(_Body):
    """Shape of the reply."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class ChatBody(_Body):
    """Body of POST /v1/chat/completions."""

    model: Annotated[str, Field(min_length=1, max_length=256)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MESSAGES_MAX)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Annotated[list[OfferedTool], Field(max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: Literal[True] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=STOPS_MAX)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    response_format: ResponseFormat | None = None
    n: Literal[1] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    logprobs: Literal[False] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: Literal["auto", "default"] | None = None


class MemoryBody(_Body):
    """Body of POST /v1/memories."""

    segment: Annotated[str, Field(min_length=1, max_length=63)]
    text: Annotated[str, Field(min_length=1)]
