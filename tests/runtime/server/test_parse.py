"""Request bodies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.errors import NotFound, RequestRefused
from steward_runtime.server.parse import build_turn_request, check_model, parse_body, parse_memory
from steward_runtime.server.wire import ChatBody
from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.turn.messages import Caller, ModelOptions, ToolCall

USER = {"role": "user", "content": "hello"}
GOOD: dict[str, Any] = {"model": "helpdesk", "messages": [USER]}
MARKER = "marker-d4"


def _parse(document: dict[str, Any]) -> TurnRequest:
    body = orjson.dumps(document)
    chat = parse_body(ChatBody, body)
    return build_turn_request(chat, body, Caller("k"), conversation_id=None, is_retry=False)


def _refuse(document: dict[str, Any]) -> RequestRefused:
    with pytest.raises(RequestRefused) as refusal:
        _parse(document)
    assert MARKER not in refusal.value.message
    return refusal.value


def test_takes_what_the_openai_client_sends() -> None:
    """Messages in all shapes, tools, choice and tuning become the driver's request."""
    call = {"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    function = {"name": "t", "description": "d", "parameters": {"type": "object"}, "strict": True}
    request = _parse(
        {
            **GOOD,
            "messages": [
                {"role": "developer", "content": "d"},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
                {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
                {"role": "tool", "tool_call_id": "c1", "content": "r"},
            ],
            "tools": [{"type": "function", "function": function}],
            "tool_choice": "required",
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.7,
            "top_p": 1,
            "max_completion_tokens": 5,
            "max_tokens": 9,
            "stop": "END",
            "seed": 3,
            "n": 1,
            "user": "ignored",
            "metadata": {"a": "b"},
            "response_format": {"type": "text"},
        }
    )
    assert [message.text for message in request.messages] == ["d", "ab", "", "r"]
    assert request.messages[2].tool_calls == (ToolCall("c1", "t", "{}"),)
    assert (request.client_tools[0].name, request.client_tools[0].is_client) == ("t", True)
    assert request.options == ModelOptions(
        temperature_milli=700,
        top_p_milli=1_000,
        max_tokens=5,
        stop=("END",),
        seed=3,
        tool_choice='"required"',
    )


def test_passes_a_named_choice_and_a_schema_on_as_json() -> None:
    """What the model needs word for word stays JSON text."""
    options = _parse(
        {
            **GOOD,
            "tool_choice": {"type": "function", "function": {"name": "t"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        }
    ).options
    assert orjson.loads(options.tool_choice or "")["function"]["name"] == "t"
    assert orjson.loads(options.response_format or "")["json_schema"]["schema"] == {}


@pytest.mark.parametrize(
    ("change", "param", "reason"),
    [
        ({MARKER[:6]: 1}, "marker", "FieldUnknown"),
        ({"functions": []}, "functions", "FieldUnknown"),
        ({"model": None}, "model", "FieldInvalid"),
        ({"messages": MARKER}, "messages", "FieldInvalid"),
        ({"messages": []}, "messages", "FieldInvalid"),
        ({"messages": [{"role": MARKER, "content": "x"}]}, "messages.0.role", "FieldInvalid"),
        ({"messages": [{"content": "x"}]}, "messages.0.role", "FieldMissing"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "FieldMissing"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content", "FieldInvalid"),
        ({"messages": [USER, {**USER, "x": 1}]}, "messages.1.x", "FieldUnknown"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.type",
            "FieldInvalid",
        ),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages.0.tool_call_id",
            "FieldMissing",
        ),
        (
            {
                "messages": [
                    {
                        **USER,
                        "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": ""}}],
                    }
                ]
            },
            "messages.0.tool_calls",
            "FieldUnknown",
        ),
        ({"stream": MARKER}, "stream", "FieldInvalid"),
        ({"temperature": 2.1}, "temperature", "FieldInvalid"),
        ({"temperature": MARKER}, "temperature", "FieldInvalid"),
        ({"max_tokens": 0}, "max_tokens", "FieldInvalid"),
        ({"n": 2}, "n", "FieldInvalid"),
        ({"logprobs": True}, "logprobs", "FieldInvalid"),
        ({"presence_penalty": 0.5}, "presence_penalty", "FieldInvalid"),
        ({"stop": ["a"] * 5}, "stop", "FieldInvalid"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools.0.function.name",
            "FieldInvalid",
        ),
        ({"tool_choice": MARKER}, "tool_choice", "FieldInvalid"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "FieldMissing",
        ),
        ({"store": True}, "store", "FieldInvalid"),
    ],
)
def test_names_the_field_that_is_wrong_and_never_its_value(
    change: dict[str, Any], param: str, reason: str
) -> None:
    """Unknown, missing and wrong fields are told apart, each with its path."""
    refusal = _refuse({**GOOD, **change})
    assert (refusal.param, refusal.reason, refusal.status) == (param, reason, 400)
    assert f"`{param}`" in refusal.message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\xfe{}", "BodyNotUtf8"),
        (b'{"model": "\xff"}', "BodyNotUtf8"),
        (b"{", "BodyNotJson"),
        (b"", "BodyNotJson"),
        (b'{"model": "\\ud800"}', "BodyNotJson"),
        (b"[" * 5_000 + b"]" * 5_000, "BodyNotJson"),
        (b"[]", "BodyNotObject"),
        (b"null", "BodyNotObject"),
    ],
)
def test_tells_what_is_wrong_with_a_body_that_is_no_object(body: bytes, reason: str) -> None:
    """Wrong encoding, broken JSON and another type each have their reason."""
    with pytest.raises(RequestRefused) as refusal:
        parse_body(ChatBody, body)
    assert refusal.value.reason == reason


def test_serves_no_other_model_than_the_assistant() -> None:
    """The model's name is the assistant's; another one is not found."""
    chat = parse_body(ChatBody, orjson.dumps(GOOD))
    check_model(chat, "helpdesk")
    with pytest.raises(NotFound, match="helpdesk"):
        check_model(chat.model_copy(update={"model": "gpt-4o"}), "helpdesk")


def test_takes_a_memory_with_segment_and_text() -> None:
    """Both members are required and nothing else is known."""
    assert parse_memory(b'{"segment": "facts", "text": "x"}').segment == "facts"
    with pytest.raises(RequestRefused) as refusal:
        parse_memory(b'{"segment": "facts", "text": "x", "domain": "y"}')
    assert refusal.value.param == "domain"


def test_digests_the_body_to_recognise_a_retry() -> None:
    """The same bytes have the same digest, and others have not."""
    assert _parse(GOOD).body_digest == _parse(GOOD).body_digest
    assert _parse(GOOD).body_digest != _parse({**GOOD, "seed": 1}).body_digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("model", "messages", "role", "content", "tools", "type", "function", "x")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(document=JSON)
def test_accepts_or_refuses_any_json(document: Any) -> None:
    """No document makes parsing fail in another way."""
    body = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS) if _fits(document) else b"{}"
    try:
        chat = parse_body(ChatBody, body)
        build_turn_request(chat, body, Caller("k"), conversation_id=None, is_retry=False)
    except RequestRefused:
        pass


def _fits(document: Any) -> bool:
    try:
        orjson.dumps(document)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True
