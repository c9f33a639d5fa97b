"""OpenAI's wire format."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_permits import LABEL, say
from steward_runtime.models.openai_wire import (
    AnswerReader,
    AnswerUnusable,
    WireModel,
    render_body,
)
from steward_runtime.turn.messages import (
    ChatRequest,
    Message,
    ModelOptions,
    Role,
    ToolCall,
    ToolOffer,
    Usage,
)

MODEL = WireModel("main", "gpt-x", 100)
OFFER = ToolOffer("shop.lookup", "Looks up.", '{"type":"object"}')


def _body(request: ChatRequest, model: WireModel = MODEL) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(render_body(model, request))
    return body


def _chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return orjson.dumps({"id": "c1", "choices": [{"index": 0, "delta": delta, **more}]})


def test_writes_messages_calls_and_results() -> None:
    """Calls and results keep their ids; a tool's name is one that OpenAI accepts."""
    call = ToolCall("call_1", "shop.lookup", '{"q":1}')
    request = ChatRequest(
        (
            say(Role.SYSTEM, "s"),
            say(Role.USER, "u"),
            Message(Role.ASSISTANT, "", LABEL, (call,)),
            Message(Role.TOOL, "r", LABEL, call_id="call_1"),
        ),
        (OFFER,),
    )
    body = _body(request)
    assert [each["role"] for each in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][2]["content"] is None
    assert body["messages"][2]["tool_calls"][0]["function"]["name"] == "shop_lookup"
    assert body["messages"][3]["tool_call_id"] == "call_1"
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_never_asks_for_more_tokens_than_the_model_may_give() -> None:
    """The client may ask for less than maxOutputTokens, not for more."""
    few, many = ModelOptions(max_tokens=7), ModelOptions(max_tokens=7_000)
    assert _body(ChatRequest((), options=few))["max_tokens"] == 7
    assert _body(ChatRequest((), options=many))["max_tokens"] == 100
    assert _body(ChatRequest(()))["max_tokens"] == 100


def test_names_the_bound_as_the_server_wants_it() -> None:
    """OpenAI's own endpoint refuses `max_tokens` for its newer models."""
    strict = WireModel("main", "gpt-x", 100, "max_completion_tokens")
    body = _body(ChatRequest(()), strict)
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 100


def test_passes_on_what_the_client_tunes() -> None:
    """Options that are set appear; a choice of tools needs tools."""
    options = ModelOptions(
        temperature_milli=700,
        top_p_milli=250,
        stop=("END",),
        seed=4,
        tool_choice='"required"',
        response_format='{"type":"json_object"}',
    )
    body = _body(ChatRequest((), (OFFER,), options))
    assert (body["temperature"], body["top_p"], body["stop"], body["seed"]) == (
        0.7,
        0.25,
        ["END"],
        4,
    )
    assert (body["tool_choice"], body["response_format"]) == ("required", {"type": "json_object"})
    assert "tool_choice" not in _body(ChatRequest((), (), options))


def test_collects_a_call_from_its_pieces() -> None:
    """Name and arguments may come in any number of pieces; the name is given back as ours."""
    reader = AnswerReader(ChatRequest((), (OFFER,)))
    first = {"index": 0, "id": "a", "function": {"name": "shop_lookup", "arguments": '{"q'}}
    rest = {"index": 0, "function": {"arguments": '":1}'}}
    assert reader.read(_chunk({"tool_calls": [first]})) == ""
    reader.read(_chunk({"tool_calls": [rest]}))
    reader.read(_chunk({}, finish_reason="tool_calls"))
    done = reader.finish("main")
    assert done.tool_calls == (ToolCall("a", "shop.lookup", '{"q":1}'),)


@pytest.mark.parametrize(
    "call",
    [
        {"function": {"name": "t", "arguments": {"q": 1}}},
        {"index": 0, "id": None, "function": {"name": "t", "arguments": '{"q":1}'}},
    ],
)
def test_accepts_calls_of_sloppy_servers(call: dict[str, Any]) -> None:
    """Arguments as an object, no id, no index: all in use by servers that people run."""
    reader = AnswerReader(ChatRequest(()))
    reader.read(_chunk({"tool_calls": [call]}, finish_reason="stop"))
    done = reader.finish("main")
    (made,) = done.tool_calls
    assert (made.tool, orjson.loads(made.arguments), done.finish_reason) == (
        "t",
        {"q": 1},
        "tool_calls",
    )
    assert made.call_id


def test_reads_usage_wherever_it_comes() -> None:
    """The last chunk has no choices; some servers send usage with every chunk, or nonsense."""
    reader = AnswerReader(ChatRequest(()))
    reader.read(_chunk({"content": "x"}, finish_reason="length"))
    reader.read(b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": "many"}}')
    done = reader.finish("main")
    assert (done.usage, done.finish_reason, done.text) == (Usage(3, 0), "length", "x")


@pytest.mark.parametrize(
    "event",
    [
        b"not json marker",
        b'"marker"',
        b'{"error": {"message": "marker"}}',
        b'{"choices": ["marker"]}',
        b'{"choices": [{"delta": {"content": {"marker": 1}}}]}',
        b'{"choices": [{"delta": {"tool_calls": "marker"}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": "marker"}]}}]}',
    ],
)
def test_refuses_an_event_of_another_shape_without_quoting_it(event: bytes) -> None:
    """Whatever a broken server sends ends in one error that repeats nothing."""
    with pytest.raises(AnswerUnusable) as refusal:
        AnswerReader(ChatRequest(())).read(event)
    assert "marker" not in str(refusal.value)


def test_refuses_an_answer_that_never_ended() -> None:
    """Text without a reason to stop was cut off."""
    reader = AnswerReader(ChatRequest(()))
    reader.read(_chunk({"content": "half"}))
    with pytest.raises(AnswerUnusable, match="broke"):
        reader.finish("main")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("choices", "delta", "content", "tool_calls", "function", "name", "index", "usage")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(document=JSON)
def test_reads_or_refuses_any_json(document: Any) -> None:
    """No document makes the reader fail in another way."""
    reader = AnswerReader(ChatRequest(()))
    try:
        reader.read(orjson.dumps(document))
        reader.finish("main")
    except AnswerUnusable:
        pass
