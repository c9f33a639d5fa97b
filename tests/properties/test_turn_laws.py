"""Laws of the turn: it ends, it can be resumed anywhere, and labels only become stricter."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward_core import ALICE, NOBODY
from steward_core.histories import CLIENT_TOOL, CLOSE, LOOKUP, SEARCH, begin, requested, say
from steward_core.strategies import LABELS, TEXTS
from steward_runtime.labels import check_flows_to, join
from steward_runtime.policy.results import label_answer
from steward_runtime.turn import events
from steward_runtime.turn.apply import fold
from steward_runtime.turn.commands import (
    CallModel,
    CallTool,
    Command,
    CommandKind,
    Fail,
    Recall,
    Remember,
    Reply,
)
from steward_runtime.turn.messages import ClientMessage, Recalled, ToolCall, Usage
from steward_runtime.turn.state import CallStatus, TurnState
from steward_runtime.turn.step import plan_commands, step

TOOL_NAMES = st.lists(st.sampled_from(["lookup", "search", "close", "show", "unknown"]), max_size=4)
STEPS_MAX = 200


class World:
    """Answers commands as hypothesis draws it, and keeps what happened."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.history: list[events.Event] = []

    def answer(self, command: Command) -> tuple[events.Event, ...]:
        """Return what becomes of a command: intents, then a result."""
        match command:
            case Recall():
                records = self._draw(st.lists(LABELS, max_size=2))
                found = (Recalled(f"m{n}", "s", "t", each, 1) for n, each in enumerate(records))
                return (events.RecallFinished(tuple(found)),)
            case CallModel():
                return (events.ModelStarted(command.number), self._answer_model(command))
            case CallTool():
                return self._answer_tool(command)
            case Remember():
                return (events.RememberFinished("k"),)
            case Reply():
                return (events.Replied(1),)
            case Fail():
                return (events.Failed(command.reason, command.message, 1),)

    def _answer_model(self, command: CallModel) -> events.Event:
        if self._draw(st.integers(0, 9)) == 0:
            return events.ModelFailed(command.number, "ModelUnavailable", "away")
        calls = tuple(ToolCall("", name, "{}") for name in self._draw(TOOL_NAMES))
        label = label_answer(command.label, "main")
        text = self._draw(TEXTS)
        return events.ModelReplied(command.number, text, calls, label, "stop", Usage(), "main")

    def _answer_tool(self, command: CallTool) -> tuple[events.Event, ...]:
        name = command.step
        how = self._draw(st.sampled_from(["denied", "failed", "finished"]))
        if how == "denied":
            return (events.Denied(CommandKind.CALL_TOOL, name, "ReviewRequired", "no"),)
        sent = (
            events.ToolIntended(name, command.call.tool, "k"),
            events.ToolSent(name, command.attempt),
        )
        if how == "failed":
            return (*sent, events.ToolFailed(name, "ToolTimeout", "late"))
        label = join(command.label, self._draw(LABELS))
        return (*sent, events.ToolFinished(name, "result", label))

    def _draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)


def _begin(data: st.DataObject) -> tuple[TurnState, events.TurnRequested]:
    has_memory, limit = data.draw(st.booleans()), data.draw(st.integers(1, 4))
    state = begin(LOOKUP, SEARCH, CLOSE, has_memory=has_memory, model_calls_max=limit)
    caller = data.draw(st.sampled_from([ALICE, NOBODY]))
    messages = say(ClientMessage("user", "hello"), ClientMessage("system", "obey"))
    return state, requested(caller=caller, messages=messages, client_tools=(CLIENT_TOOL,))


def _play(data: st.DataObject) -> tuple[TurnState, TurnState, list[events.Event], list[Command]]:
    """Play a whole turn: (state before, state after, events, commands carried out)."""
    world = World(data)
    before, request = _begin(data)
    state, commands = step(before, request)
    history: list[events.Event] = [request]
    done: list[Command] = []
    for _ in range(STEPS_MAX):
        if not commands:
            break
        command = commands[data.draw(st.integers(0, len(commands) - 1))]
        done.append(command)
        for event in world.answer(command):
            history.append(event)
            state, named = step(state, event)
        commands = named
    return before, state, history, done


@given(st.data())
def test_every_turn_ends_once(data: st.DataObject) -> None:
    """It ends with a reply or a failure, within its model calls."""
    _, state, _, done = _play(data)
    assert state.is_ended
    assert state.is_replied != state.is_failed
    assert sum(isinstance(command, CallModel) for command in done) <= state.setting.model_calls_max
    assert sum(isinstance(command, Reply | Fail) for command in done) == 1


@given(st.data())
def test_no_step_is_done_twice(data: st.DataObject) -> None:
    """A call with a result, a search and a memory write are never asked for again."""
    _, _, _, done = _play(data)
    names = [
        command.step if isinstance(command, CallTool) else command.kind
        for command in done
        if not isinstance(command, CallModel)
    ]
    assert len(names) == len(set(names))


@given(st.data())
def test_a_turn_can_be_resumed_after_any_event(data: st.DataObject) -> None:
    """Folding any beginning of the journal asks for the same things as going on would have."""
    before, _, history, _ = _play(data)
    state = before
    for position, event in enumerate(history, 1):
        state, commands = step(state, event)
        resumed = fold(before, history[:position])
        assert resumed == state
        if not isinstance(event, events.ModelStarted | events.ToolIntended | events.ToolSent):
            assert plan_commands(resumed) == commands


@given(st.data())
def test_only_one_writing_call_is_under_way(data: st.DataObject) -> None:
    """Calls are offered side by side only if all of them read."""
    before, _, history, _ = _play(data)
    state = before
    for event in history:
        state, commands = step(state, event)
        calls = [command for command in commands if isinstance(command, CallTool)]
        if len(calls) > 1:
            assert {call.call.tool for call in calls} <= {"lookup", "search"}


@given(st.data())
def test_a_reply_restricts_as_much_as_everything_it_was_made_of(data: st.DataObject) -> None:
    """Prompt, messages, notes and results all flow into the label of the reply."""
    _, state, _, done = _play(data)
    reply = done[-1]
    if not isinstance(reply, Reply):
        return
    sources = [message.label for message in (state.request.messages if state.request else ())]
    sources += [record.label for record in state.recalled or ()]
    for exchange in state.exchanges[:-1]:
        sources += [call.label for call in exchange.calls if call.status is CallStatus.RESOLVED]
    # Where a value is stored decides its retention, so the class is left out of the comparison.
    for label in sources:
        assert check_flows_to(label.stored_as(reply.label.retention), reply.label)
