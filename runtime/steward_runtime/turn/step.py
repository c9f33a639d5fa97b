"""The turn machine (pure): `step(state, event) -> (state, commands)`.

`apply.fold` over the journal is the whole of recovery; `plan_commands` says from any state what
must happen next.
"""

from __future__ import annotations

from typing import Final

from steward_runtime.turn import events
from steward_runtime.turn.apply import apply_event
from steward_runtime.turn.commands import (
    CallModel,
    CallTool,
    Command,
    Fail,
    Recall,
    Remember,
    Reply,
)
from steward_runtime.turn.context import build_request, label_context
from steward_runtime.turn.messages import Message, Role
from steward_runtime.turn.state import (
    CallState,
    CallStatus,
    Exchange,
    TurnState,
    join_texts,
    label_exchanges,
)

_INTENTS: Final = (events.ModelStarted, events.ToolIntended, events.ToolSent)
"""Events that only mark the way: what they announce is already under way."""


def step(state: TurnState, event: events.Event) -> tuple[TurnState, tuple[Command, ...]]:
    """Take one event and say what must happen now.

    Commands of calls that are under way are named again after each result; the driver tells them
    by kind and step.
    """
    state = apply_event(state, event)
    if isinstance(event, _INTENTS):
        return state, ()
    return state, plan_commands(state)


def plan_commands(state: TurnState) -> tuple[Command, ...]:
    """Say what must happen next."""
    if state.request is None or state.is_ended:
        return ()
    if state.failure is not None:
        return (Fail(state.failure.reason, state.failure.message),)
    if not state.exchanges:
        return _plan_start(state)
    last = state.exchanges[-1]
    if last.open_calls:
        return _plan_tools(state, last)
    if last.calls and not last.client_calls:
        return _plan_model(state)
    return _plan_end(state)


def _has_memory(state: TurnState) -> bool:
    return (
        state.setting.has_memory
        and state.request is not None
        and state.request.caller.subject is not None
    )


def _newest_user_message(state: TurnState) -> Message | None:
    messages = () if state.request is None else state.request.messages
    said = (
        message
        for message in reversed(messages)
        if message.role is Role.USER and "client:user" in message.label.origin and message.text
    )
    return next(said, None)


def _plan_start(state: TurnState) -> tuple[Command, ...]:
    said = _newest_user_message(state)
    if said is not None and state.recalled is None and _has_memory(state):
        return (Recall(said.text, said.label),)
    return _plan_model(state)


def _plan_end(state: TurnState) -> tuple[Command, ...]:
    said = _newest_user_message(state)
    if said is not None and not state.is_remembered and _has_memory(state):
        return (Remember(said.text, said.label),)
    return (_build_reply(state),)


def _plan_model(state: TurnState) -> tuple[Command, ...]:
    request = build_request(state)
    if request is None:
        return (
            Fail(
                "ContextExceeded",
                "the message and the results of this turn do not fit into the model's context: "
                "shorten the message, or let the tool return less",
            ),
        )
    return (CallModel(len(state.exchanges) + 1, request, label_context(request)),)


def _plan_tools(state: TurnState, last: Exchange) -> tuple[Command, ...]:
    """Run calls in the model's order; neighbouring reads side by side."""
    if last.number >= state.setting.model_calls_max:
        return (
            Fail(
                "ModelCallsExceeded",
                f"the model asked for a tool in the last of {state.setting.model_calls_max} model "
                "calls, so its result could not be used",
            ),
        )
    waiting = last.open_calls
    group = [waiting[0]]
    if waiting[0].is_read:
        for call in waiting[1:]:
            if not call.is_read:
                break
            group.append(call)
    return tuple(_build_tool_command(last, call) for call in group)


def _build_tool_command(exchange: Exchange, call: CallState) -> CallTool:
    was_sent = call.status is CallStatus.SENT
    return CallTool(call.step, call.call, exchange.label, call.attempts + 1, was_sent)


def _build_reply(state: TurnState) -> Reply:
    last = state.exchanges[-1]
    return Reply(
        text=join_texts(state.exchanges),
        tool_calls=last.client_calls,
        label=label_exchanges(state.exchanges),
        finish_reason="tool_calls" if last.client_calls else last.finish_reason,
        usage=state.usage,
        model=last.model,
    )
