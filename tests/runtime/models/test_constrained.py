"""Tool calling by JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import orjson
import pytest

from steward_permits import LABEL, ask_permit_for_model, say
from steward_runtime.clock import CountingIds
from steward_runtime.errors import ModelAnswerBroken
from steward_runtime.models.constrained import ConstrainedModel
from steward_runtime.models.fake import Saying, ScriptedModel
from steward_runtime.turn.messages import (
    ChatDelta,
    ChatDone,
    ChatRequest,
    Message,
    ModelOptions,
    Role,
    ToolCall,
    ToolOffer,
)

LOOKUP = ToolOffer(
    "lookup",
    "Looks a ticket up.",
    '{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}',
)
CLOSE = ToolOffer("close", "Closes a ticket.", "{}")
OFFERS = (LOOKUP, CLOSE)


def _request(
    options: ModelOptions | None = None, offers: tuple[ToolOffer, ...] = OFFERS
) -> ChatRequest:
    messages = (say(Role.SYSTEM, "You help."), say(Role.USER, "What about T-1?"))
    return ChatRequest(messages, offers, options or ModelOptions())


async def _ask(
    *pieces: str, request: ChatRequest | None = None
) -> tuple[str, ChatDone, ChatRequest]:
    inner = ScriptedModel("small", [Saying(pieces)])
    model = ConstrainedModel("small", inner, CountingIds())
    text = ""
    async for piece in model.complete(ask_permit_for_model(), request or _request()):
        match piece:
            case ChatDelta():
                text += piece.text
            case ChatDone():
                done = piece
    return text, done, inner.requests[0]


async def _ask_schema(request: ChatRequest) -> dict[str, Any]:
    _, _, sent = await _ask('{"reply": "x"}', request=request)
    wanted = orjson.loads(sent.options.response_format or "")
    schema: dict[str, Any] = wanted["json_schema"]["schema"]
    assert (wanted["type"], sent.tools, sent.options.tool_choice) == ("json_schema", (), None)
    return schema


@pytest.mark.parametrize(
    ("document", "is_valid"),
    [
        ({"reply": "hello"}, True),
        ({"reply": ""}, False),
        ({"tool": "lookup", "arguments": {"id": "T-1"}}, True),
        ({"tool": "lookup", "arguments": {}}, False),
        ({"tool": "close", "arguments": {"any": 1}}, True),
        ({"tool": "other", "arguments": {}}, False),
        ({"tool": "lookup", "arguments": {"id": "T-1"}, "reply": "x"}, False),
        ({}, False),
    ],
)
async def test_offers_every_tool_and_a_plain_reply(
    document: dict[str, Any], is_valid: bool
) -> None:
    """The schema allows each tool with its own arguments, and a reply, and nothing else."""
    validator = jsonschema.Draft202012Validator(await _ask_schema(_request()))
    assert validator.is_valid(document) is is_valid


@pytest.mark.parametrize(
    ("choice", "replies", "closes"),
    [
        ('"auto"', True, True),
        ('"required"', False, True),
        ('{"type":"function","function":{"name":"lookup"}}', False, False),
    ],
)
async def test_follows_the_choice_of_tools(choice: str, replies: bool, closes: bool) -> None:
    """`required` takes the plain reply away, a named tool takes the others away as well."""
    schema = await _ask_schema(_request(ModelOptions(tool_choice=choice)))
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"reply": "x"}) is replies
    assert validator.is_valid({"tool": "close", "arguments": {}}) is closes
    assert validator.is_valid({"tool": "lookup", "arguments": {"id": "1"}})


async def test_gives_a_reply_as_it_comes() -> None:
    """The reply streams; done has its text and no call."""
    text, done, _ = await _ask('{"reply": "Hel', "lo\\n", 'you"}')
    assert (text, done.text, done.tool_calls) == ("Hello\nyou", "Hello\nyou", ())


async def test_gives_a_call_whole() -> None:
    """No delta comes of a call; done names tool, arguments and an id of its own."""
    text, done, _ = await _ask('{"tool": "lookup",', ' "arguments": {"id": "T-1"}}')
    (call,) = done.tool_calls
    assert (text, done.text, done.finish_reason) == ("", "", "tool_calls")
    assert (call.tool, orjson.loads(call.arguments)) == ("lookup", {"id": "T-1"})
    assert call.call_id.startswith("call_")


@pytest.mark.parametrize(
    "answer", ["I think that marker", '"marker"', '{"tool": "marker"}', '{"marker": 1}', '{"reply"']
)
async def test_refuses_an_answer_that_left_the_schema(answer: str) -> None:
    """A server that ignores the schema is named, with advice and without the answer."""
    with pytest.raises(ModelAnswerBroken, match="json_schema") as refusal:
        await _ask(answer)
    assert "marker" not in refusal.value.message


async def test_shows_earlier_calls_and_results_as_text() -> None:
    """The small model's template has no place for them; labels stay on each message."""
    call = ToolCall("call_9", "lookup", '{"id":"T-1"}')
    messages = (
        *_request().messages,
        Message(Role.ASSISTANT, "", LABEL, (call,)),
        Message(Role.TOOL, '{"state":"open"}', LABEL, call_id="call_9"),
        Message(Role.ASSISTANT, "It is open.", LABEL),
        say(Role.USER, "Thanks."),
    )
    _, _, sent = await _ask('{"reply": "x"}', request=ChatRequest(messages, OFFERS))
    texts = [message.text for message in sent.messages]
    assert texts[2] == '{"tool":"lookup","arguments":{"id":"T-1"}}'
    assert texts[3] == 'Result of lookup: {"state":"open"}'
    assert texts[4] == '{"reply":"It is open."}'
    assert [message.role for message in sent.messages[2:4]] == [Role.ASSISTANT, Role.USER]
    assert all(message.label == LABEL for message in sent.messages[1:])
    assert "- lookup: Looks a ticket up." in texts[0]


def _without_tools() -> ChatRequest:
    return _request(offers=())


def _forbidden() -> ChatRequest:
    return _request(ModelOptions(tool_choice='"none"'))


@pytest.mark.parametrize("build", [_without_tools, _forbidden])
async def test_asks_for_plain_text_where_no_tool_may_be_used(
    build: Callable[[], ChatRequest],
) -> None:
    """Without tools, or with `none`, the answer is text as from any model."""
    text, _, sent = await _ask("plain", request=build())
    assert text == "plain"
    assert (sent.options.response_format, sent.tools) == (None, ())


async def test_keeps_the_shape_that_the_client_asked_for_in_a_reply() -> None:
    """The client's own schema becomes the schema of the reply, which comes back as JSON text."""
    wanted = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    options = ModelOptions(response_format=orjson.dumps(wanted).decode())
    request = _request(options)
    schema = await _ask_schema(request)
    assert not jsonschema.Draft202012Validator(schema).is_valid({"reply": "text"})
    text, done, _ = await _ask('{"reply": {"a": 1}}', request=request)
    assert text == done.text == '{"a":1}'


async def test_a_reply_that_ran_out_of_tokens_is_still_the_reply() -> None:
    """As with any other model: what was said stays, and the finish reason says so."""
    request = _request()
    inner = ScriptedModel("small", [Saying(('{"reply": "on and on',), finish_reason="length")])
    model = ConstrainedModel("small", inner, CountingIds())
    pieces = [piece async for piece in model.complete(ask_permit_for_model(), request)]
    (done,) = [piece for piece in pieces if isinstance(piece, ChatDone)]
    assert (done.text, done.finish_reason) == ("on and on", "length")
    assert "".join(piece.text for piece in pieces if isinstance(piece, ChatDelta)) == done.text


async def test_half_a_call_is_refused() -> None:
    """Arguments that were cut are never acted on."""
    cut = '{"tool": "lookup", "arguments": {"id": "T-'
    inner = ScriptedModel("small", [Saying((cut,), finish_reason="length")])
    model = ConstrainedModel("small", inner, CountingIds())
    with pytest.raises(ModelAnswerBroken, match="ran out of tokens"):
        [piece async for piece in model.complete(ask_permit_for_model(), _request())]


@pytest.mark.parametrize(("wanted", "sent"), [(None, 0), (700, 700)])
async def test_chooses_without_chance_unless_the_client_wants_some(
    wanted: int | None, sent: int
) -> None:
    """Temperature 0 is the default of a choice, not of the server."""
    options = ModelOptions(temperature_milli=wanted)
    _, _, request = await _ask('{"reply": "x"}', request=_request(options))
    assert request.options.temperature_milli == sent


async def test_folds_results_into_the_question_where_no_tool_may_be_used() -> None:
    """Calls are left out, results stand with the question and keep their labels' join."""
    call = ToolCall("call_9", "lookup", '{"id":"T-1"}')
    messages = (
        *_request().messages,
        Message(Role.ASSISTANT, "", LABEL, (call,)),
        Message(Role.TOOL, '{"state":"open"}', LABEL, call_id="call_9"),
    )
    _, _, sent = await _ask("It is open.", request=ChatRequest(messages, ()))
    assert [message.role for message in sent.messages] == [Role.SYSTEM, Role.USER]
    assert sent.messages[1].text == 'What about T-1?\nResult of lookup: {"state":"open"}'
    assert sent.messages[1].label == LABEL
