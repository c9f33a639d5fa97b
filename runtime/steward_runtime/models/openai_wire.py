"""OpenAI's chat wire format: request bodies and answers (pure).

Reads generously, because servers differ: a tool call may come whole or in pieces, with or without
id, its arguments as text or as an object. Whatever is not usable is an `AnswerUnusable`, which
says what was wrong and never quotes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from steward_runtime.turn.messages import (
    ChatDone,
    ChatRequest,
    Message,
    ModelOptions,
    Role,
    ToolCall,
    ToolOffer,
    Usage,
)

DONE: Final = b"[DONE]"
FINISH_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


class AnswerUnusable(Exception):
    """A server answered what OpenAI's API does not promise."""


@dataclass(frozen=True, slots=True)
class WireModel:
    """What a request says about the model.

    Attributes:
        name: name of the Model in the Blueprint.
        model_name: name of the model at its endpoint.
        max_output_tokens: tokens that one reply may have.
        tokens_field: `max_tokens`, or `max_completion_tokens` where the server insists.
    """

    name: str
    model_name: str
    max_output_tokens: int
    tokens_field: str = "max_tokens"


def render_tool_name(name: str) -> str:
    """Return the name under which a model sees a tool: object names may hold dots, OpenAI's not."""
    return name.replace(".", "_")


def render_body(model: WireModel, request: ChatRequest) -> bytes:
    """Write the body of a streamed chat request."""
    body: dict[str, Any] = {
        "model": model.model_name,
        "messages": [_render_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    asked = request.options.max_tokens
    limit = model.max_output_tokens
    body[model.tokens_field] = limit if asked is None else min(asked, limit)
    if request.tools:
        body["tools"] = [_render_offer(offer) for offer in request.tools]
    body.update(_render_options(request.options, has_tools=bool(request.tools)))
    return orjson.dumps(body)


def _render_message(message: Message) -> dict[str, Any]:
    rendered: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.role is Role.TOOL:
        rendered["tool_call_id"] = message.call_id
    elif message.tool_calls:
        rendered["content"] = message.text or None
        rendered["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": render_tool_name(call.tool), "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return rendered


def _render_offer(offer: ToolOffer) -> dict[str, Any]:
    function = {
        "name": render_tool_name(offer.name),
        "description": offer.description,
        "parameters": orjson.Fragment(offer.schema),
    }
    return {"type": "function", "function": function}


def _render_options(options: ModelOptions, *, has_tools: bool) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    if options.temperature_milli is not None:
        rendered["temperature"] = options.temperature_milli / 1_000
    if options.top_p_milli is not None:
        rendered["top_p"] = options.top_p_milli / 1_000
    if options.stop:
        rendered["stop"] = options.stop
    if options.seed is not None:
        rendered["seed"] = options.seed
    if options.tool_choice is not None and has_tools:
        rendered["tool_choice"] = orjson.Fragment(options.tool_choice)
    if options.response_format is not None:
        rendered["response_format"] = orjson.Fragment(options.response_format)
    return rendered


@dataclass(slots=True)
class _PartialCall:
    """A tool call whose pieces are still coming."""

    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class AnswerReader:
    """Collects one answer from the events of a stream."""

    def __init__(self, request: ChatRequest) -> None:
        """Take the request, whose tool names are given back as the assistant knows them."""
        self._names = {render_tool_name(offer.name): offer.name for offer in request.tools}
        self._texts: list[str] = []
        self._calls: dict[int, _PartialCall] = {}
        self._finish_reason: str | None = None
        self._usage = Usage()
        self._answer_id = "0"

    @property
    def is_finished(self) -> bool:
        """Say whether the server has said why it stopped."""
        return self._finish_reason is not None

    def read(self, event: bytes) -> str:
        """Take one event and return the text that it adds, which may be empty.

        Raises:
            AnswerUnusable: if the event is not a chunk of an answer.
        """
        try:
            chunk = orjson.loads(event)
        except orjson.JSONDecodeError:
            raise AnswerUnusable("sent an event that is not JSON") from None
        if not isinstance(chunk, dict):
            raise AnswerUnusable("sent an event that is not an object")
        if chunk.get("error") is not None:
            raise AnswerUnusable("reported an error in the middle of its answer")
        self._read_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        if not choices:
            return ""
        try:
            return self._read_choice(chunk, choices[0])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise AnswerUnusable("sent a chunk of another shape than OpenAI's") from None

    def finish(self, model: str) -> ChatDone:
        """Return the whole answer.

        Raises:
            AnswerUnusable: if the stream ended before the server had said why it stopped.
        """
        if self._finish_reason is None:
            raise AnswerUnusable("broke its answer off")
        calls = tuple(self._build_call(index) for index in sorted(self._calls))
        reason = self._finish_reason if self._finish_reason in FINISH_REASONS else "stop"
        return ChatDone(
            text="".join(self._texts),
            tool_calls=calls,
            finish_reason="tool_calls" if calls else reason,
            usage=self._usage,
            model=model,
        )

    def _read_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage = Usage(
                _read_count(usage.get("prompt_tokens")), _read_count(usage.get("completion_tokens"))
            )

    def _read_choice(self, chunk: dict[str, Any], choice: dict[str, Any]) -> str:
        reason = choice.get("finish_reason")
        if reason is not None:
            self._finish_reason = str(reason)
        delta = choice.get("delta") or choice.get("message") or {}
        calls = delta.get("tool_calls")
        if calls:
            self._answer_id = str(chunk.get("id") or self._answer_id)
            for position, piece in enumerate(calls):
                self._read_call(piece, position)
        text = delta.get("content")
        if not text:
            return ""
        if not isinstance(text, str):
            raise TypeError
        self._texts.append(text)
        return text

    def _read_call(self, piece: dict[str, Any], position: int) -> None:
        index = piece.get("index")
        call = self._calls.setdefault(position if index is None else int(index), _PartialCall())
        if piece.get("id"):
            call.call_id = str(piece["id"])
        function = piece.get("function") or {}
        if function.get("name"):
            call.name += str(function["name"])
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = orjson.dumps(arguments).decode()
        if arguments:
            call.arguments.append(str(arguments))

    def _build_call(self, index: int) -> ToolCall:
        call = self._calls[index]
        if not call.name:
            raise AnswerUnusable("asked for a tool without naming it")
        name = self._names.get(call.name, call.name)
        call_id = call.call_id or f"call_{self._answer_id}_{index}"
        return ToolCall(call_id, name, "".join(call.arguments) or "{}")


def _read_count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
