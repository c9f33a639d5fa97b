"""Responses as bytes."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from steward_runtime.server.render import ChunkWriter, ReplyHead, render_completion
from steward_runtime.turn.messages import ToolCall, Usage
from steward_runtime.turn.state import Outcome, TaskStatus

HEAD = ReplyHead("task_1", 1_700, "helpdesk")
TEXTS = st.text(max_size=30).filter(lambda text: text.isprintable() or "\n" in text)
CALLS = st.lists(
    st.builds(ToolCall, st.text("ab1", min_size=1), st.just("t"), st.just("{}")), max_size=3
)


def _events(raw: bytes) -> list[bytes]:
    return [event.removeprefix(b"data: ") for event in raw.split(b"\n\n") if event]


@given(text=TEXTS, calls=CALLS)
def test_writes_completions_that_the_client_accepts(text: str, calls: list[ToolCall]) -> None:
    """The client's own types take every completion, without a warning field missing."""
    text = text.encode("utf-8", "ignore").decode()
    outcome = Outcome(TaskStatus.REPLIED, text, tuple(calls), "stop", Usage(1, 2))
    completion = ChatCompletion.model_validate_json(render_completion(HEAD, outcome))
    message = completion.choices[0].message
    assert (message.content or "") == text
    assert len(message.tool_calls or ()) == len(calls)


@given(text=TEXTS)
def test_writes_chunks_that_the_client_accepts(text: str) -> None:
    """A piece of text is one event on one line, whatever it holds."""
    text = text.encode("utf-8", "ignore").decode()
    raw = ChunkWriter(HEAD).render_text(text)
    (event,) = _events(raw)
    assert b"\n" not in event
    chunk = ChatCompletionChunk.model_validate_json(event)
    assert (chunk.choices[0].delta.content, chunk.id) == (text, "chatcmpl-task_1")


def test_ends_a_stream_with_calls_reason_usage_and_mark() -> None:
    """The order is OpenAI's, and every event but the mark is a chunk."""
    outcome = Outcome(
        TaskStatus.REPLIED, "", (ToolCall("c1", "t", "{}"),), "tool_calls", Usage(1, 2)
    )
    *chunks, mark = _events(ChunkWriter(HEAD).render_end(outcome, with_usage=True))
    call, reason, usage = (ChatCompletionChunk.model_validate_json(each) for each in chunks)
    assert call.choices[0].delta.tool_calls is not None
    assert reason.choices[0].finish_reason == "tool_calls"
    assert usage.usage is not None
    assert mark == b"[DONE]"


def test_writes_an_error_as_the_last_event() -> None:
    """The client raises APIError for an event with `error`."""
    (event,) = _events(ChunkWriter(HEAD).render_error({"message": "m", "code": "C"}))
    assert orjson.loads(event) == {"error": {"message": "m", "code": "C"}}
