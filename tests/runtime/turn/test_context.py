"""What is put before a model, and what is left out where room is short."""

from __future__ import annotations

from dataclasses import replace

from steward_core.histories import CLOSE, LABEL, LOOKUP, begin, play, replied, requested, say
from steward_runtime.labels import Integrity, Label, Sensitivity
from steward_runtime.turn import events
from steward_runtime.turn.context import NOTES_HEADING, build_request, label_context
from steward_runtime.turn.messages import (
    ChatRequest,
    ClientMessage,
    ModelOptions,
    Recalled,
    Role,
    ToolCall,
)
from steward_runtime.turn.state import TurnState

SECRET = Label(Integrity.UNTRUSTED, sensitivity=Sensitivity.RESTRICTED)


def _build(state: TurnState, *history: events.Event) -> ChatRequest:
    request = build_request(play(state, *history)[0])
    assert request is not None
    return request


def _texts(request: ChatRequest) -> list[str]:
    return [message.text for message in request.messages]


def test_prompt_history_notes_and_request_come_in_this_order() -> None:
    """Notes stand directly before what the user asks now, as data."""
    history = say(ClientMessage("user", "old"), ClientMessage("assistant", "answer"))
    record = Recalled("m1", "facts", "likes tea", SECRET, 1)
    request = _build(begin(history=history), requested("new"), events.RecallFinished((record,)))
    assert _texts(request) == ["Be kind.", "old", "answer", f"{NOTES_HEADING}\n- likes tea", "new"]
    assert request.messages[3].role is Role.USER


def test_the_label_of_a_request_joins_everything_in_it() -> None:
    """A recalled secret makes the whole request secret."""
    record = Recalled("m1", "facts", "likes tea", SECRET, 1)
    label = label_context(_build(begin(), requested(), events.RecallFinished((record,))))
    assert label.sensitivity is Sensitivity.RESTRICTED
    assert label.integrity is Integrity.UNTRUSTED
    assert {"prompt:desk", "client:user"} <= label.origin


def test_the_oldest_messages_are_left_out_first() -> None:
    """What is kept has no gap, and the newest message stays."""
    history = say(*(ClientMessage("user", f"{n}:" + "x" * 400) for n in range(10)))
    request = _build(begin(history=history, context_tokens=512), requested("now"))
    kept = [text.split(":")[0] for text in _texts(request)[1:-1]]
    assert kept == ["6", "7", "8", "9"]
    assert _texts(request)[-1] == "now"


def test_a_token_is_counted_as_four_bytes_of_utf8() -> None:
    """Text that is not ASCII takes more room."""
    wide = say(ClientMessage("user", "ж" * 1_000), ClientMessage("user", "old"))
    narrow = say(ClientMessage("user", "z" * 1_000), ClientMessage("user", "old"))
    assert len(_build(begin(history=wide, context_tokens=512), requested()).messages) == 3
    assert len(_build(begin(history=narrow, context_tokens=512), requested()).messages) == 4


def test_calls_and_their_results_stand_or_fall_together() -> None:
    """A provider refuses one without the other."""
    history = say(
        ClientMessage("assistant", "x" * 1_500, (ToolCall("c1", "show", "{}"),)),
        ClientMessage("tool", "y" * 600, call_id="c1"),
    )
    request = _build(begin(history=history, context_tokens=512), requested("now"))
    assert _texts(request) == ["Be kind.", "now"]


def test_calls_without_results_keep_their_text_alone() -> None:
    """The user went on without running the client's tool."""
    history = say(
        ClientMessage("user", "please"),
        ClientMessage("assistant", "Running it.", (ToolCall("c1", "show", "{}"),)),
    )
    request = _build(begin(history=history), requested("never mind"))
    assert [message.tool_calls for message in request.messages] == [()] * 4
    assert _texts(request)[2] == "Running it."


def test_results_may_come_in_the_next_request() -> None:
    """History ends with the calls, the request brings the results."""
    history = say(
        ClientMessage("user", "please"),
        ClientMessage("assistant", "", (ToolCall("c1", "show", "{}"),)),
    )
    answer = say(
        ClientMessage("assistant", "", (ToolCall("c1", "show", "{}"),)),
        ClientMessage("tool", "done", call_id="c1"),
    )[1:]
    request = _build(begin(history=history), requested(messages=answer))
    assert [message.role for message in request.messages[-2:]] == [Role.ASSISTANT, Role.TOOL]


def test_tools_take_room_too() -> None:
    """Descriptions and schemas are part of the request."""
    large = replace(LOOKUP, description="d" * 1_900)
    assert build_request(play(begin(large, context_tokens=512), requested("x" * 200))[0]) is None
    assert build_request(play(begin(context_tokens=512), requested("x" * 200))[0]) is not None


def test_notes_give_way_before_the_turn_fails() -> None:
    """Memory is a help, not a condition."""
    record = Recalled("m1", "facts", "t" * 1_900, SECRET, 1)
    request = _build(
        begin(context_tokens=512), requested("x" * 200), events.RecallFinished((record,))
    )
    assert len(request.messages) == 2


def test_a_wish_for_a_tool_holds_for_the_first_call_only() -> None:
    """Else `required` would never let the turn end."""
    wish = requested(options=ModelOptions(tool_choice='"required"', seed=7))
    first = _build(begin(CLOSE), wish)
    assert first.options.tool_choice == '"required"'
    second = _build(
        begin(CLOSE), wish, replied("", "close"), events.ToolFinished("1.0", "ok", LABEL)
    )
    assert second.options == ModelOptions(seed=7)
