"""Responses of the API, as bytes (pure).

Chunks of a stream differ in their text alone, so everything else of one is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from steward_runtime.tasks.requests import ConversationView, StepType, TaskStep, TaskView
from steward_runtime.turn.messages import Message, Recalled, ToolCall, Usage
from steward_runtime.turn.state import Outcome, TaskStatus

DONE: Final = b"data: [DONE]\n\n"
HEARTBEAT: Final = b": keep-alive\n\n"
"""A comment: clients skip it, proxies see that somebody is there."""


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """What every chunk of one reply repeats; `created` is in seconds since 1970."""

    task_id: str
    created: int
    model: str

    def render(self, kind: str) -> dict[str, Any]:
        """Return the members that come first."""
        return {
            "id": f"chatcmpl-{self.task_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


class ChunkWriter:
    """Writes the events of one stream."""

    __slots__ = ("_after", "_before", "_head")

    def __init__(self, head: ReplyHead) -> None:
        self._head = head.render("chat.completion.chunk")
        prefix = orjson.dumps({**self._head, "choices": []}).removesuffix(b"[]}")
        self._before = b"data: " + prefix + b'[{"index":0,"delta":{"content":'
        self._after = b'},"logprobs":null,"finish_reason":null}]}\n\n'

    def render_opening(self) -> bytes:
        """Return the first event: the role."""
        return self._render_delta({"role": "assistant", "content": ""}, None)

    def render_text(self, text: str) -> bytes:
        """Return an event with a piece of the reply."""
        return b"".join((self._before, orjson.dumps(text), self._after))

    def render_end(self, outcome: Outcome, *, with_usage: bool) -> bytes:
        """Return the events that end a reply: calls, reason, usage and the mark of the end."""
        parts: list[bytes] = []
        if outcome.tool_calls:
            calls = [
                {"index": index, **_render_call(call)}
                for index, call in enumerate(outcome.tool_calls)
            ]
            parts.append(self._render_delta({"tool_calls": calls}, None))
        parts.append(self._render_delta({}, _choose_finish_reason(outcome)))
        if with_usage:
            usage = {**self._head, "choices": [], "usage": _render_usage(outcome.usage)}
            parts.append(_render_event(usage))
        parts.append(DONE)
        return b"".join(parts)

    def render_error(self, error: dict[str, Any]) -> bytes:
        """Return the event that ends a stream which failed."""
        return _render_event({"error": error})

    def _render_delta(self, delta: dict[str, Any], finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _render_event({**self._head, "choices": [choice]})


def render_completion(head: ReplyHead, outcome: Outcome) -> bytes:
    """Return the body of a reply that does not stream."""
    return orjson.dumps(build_completion(head, outcome))


def build_completion(head: ReplyHead, outcome: Outcome) -> dict[str, Any]:
    """Return OpenAI's `chat.completion` object."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": outcome.text if outcome.text or not outcome.tool_calls else None,
        "refusal": None,
    }
    if outcome.tool_calls:
        message["tool_calls"] = [_render_call(call) for call in outcome.tool_calls]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _choose_finish_reason(outcome),
    }
    return {
        **head.render("chat.completion"),
        "choices": [choice],
        "usage": _render_usage(outcome.usage),
    }


def render_models(assistant: str, owner: str, created: int) -> bytes:
    """Return the list of models: the assistant alone."""
    entry = build_model(assistant, owner, created)
    return orjson.dumps({"object": "list", "data": [entry]})


def build_model(assistant: str, owner: str, created: int) -> dict[str, Any]:
    """Return OpenAI's `model` object."""
    return {"id": assistant, "object": "model", "created": created, "owned_by": owner}


def render_task(view: TaskView, assistant: str, error: dict[str, Any] | None) -> bytes:
    """Return a task: where it stands, and the reply as the client would have got it."""
    document: dict[str, Any] = {
        "id": view.task_id,
        "object": "steward.task",
        "status": view.outcome.status.value,
        "conversation": view.conversation_id,
        "created": view.accepted_at_ms // 1_000,
        "ended": None if view.ended_at_ms is None else view.ended_at_ms // 1_000,
        "steps": [_render_step(step) for step in view.steps],
        "completion": None,
        "error": error,
    }
    if view.outcome.status is TaskStatus.REPLIED:
        head = ReplyHead(view.task_id, view.accepted_at_ms // 1_000, assistant)
        document["completion"] = build_completion(head, view.outcome)
    return orjson.dumps(document)


def _render_step(step: TaskStep) -> dict[str, Any]:
    document: dict[str, Any] = {"type": step.type.value, "status": step.status.value}
    if step.type is StepType.RECALL:
        return {**document, "records": list(step.records)}
    return {**document, "tool": step.tool, "reason": step.reason or None}


def render_conversation(view: ConversationView) -> bytes:
    """Return a conversation with its messages."""
    messages = [
        {
            "task": stored.task_id,
            "created": stored.at_ms // 1_000,
            **_render_message(stored.message),
        }
        for stored in view.messages
    ]
    return orjson.dumps(
        {
            "id": view.conversation_id,
            "object": "steward.conversation",
            "created": view.created_at_ms // 1_000,
            "changed": view.changed_at_ms // 1_000,
            "messages": messages,
        }
    )


def render_memory(record: Recalled) -> bytes:
    """Return one record of memory."""
    return orjson.dumps(_build_memory(record))


def render_memories(records: tuple[Recalled, ...]) -> bytes:
    """Return records of memory."""
    return orjson.dumps({"object": "list", "data": [_build_memory(each) for each in records]})


def _build_memory(record: Recalled) -> dict[str, Any]:
    return {
        "id": record.record_id,
        "object": "steward.memory",
        "segment": record.segment,
        "text": record.text,
        "sensitivity": record.label.sensitivity.value,
        "created": record.written_at_ms // 1_000,
    }


def _render_message(message: Message) -> dict[str, Any]:
    rendered: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.tool_calls:
        rendered["tool_calls"] = [_render_call(call) for call in message.tool_calls]
    if message.call_id is not None:
        rendered["tool_call_id"] = message.call_id
    return rendered


def _render_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.tool, "arguments": call.arguments},
    }


def _render_usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _choose_finish_reason(outcome: Outcome) -> str:
    return "tool_calls" if outcome.tool_calls else outcome.finish_reason


def _render_event(document: dict[str, Any]) -> bytes:
    return b"".join((b"data: ", orjson.dumps(document), b"\n\n"))
