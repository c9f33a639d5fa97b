"""What an event does to the state of a turn (pure). A fold over the journal is all of recovery."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from steward_runtime.labels import BOTTOM
from steward_runtime.turn import events
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import ToolCall
from steward_runtime.turn.state import CallState, CallStatus, Exchange, Failure, TurnState

STEWARD_ORIGIN: Final = "steward"
"""Origin of sentences that we say ourselves to a model, such as why a call was refused."""


def fold(state: TurnState, history: Iterable[events.Event]) -> TurnState:
    """Apply events in order."""
    for event in history:
        state = apply_event(state, event)
    return state


def apply_event(state: TurnState, event: events.Event) -> TurnState:
    """Return the state after `event`; an event after the end changes nothing."""
    if state.is_ended:
        return state
    return _APPLY[type(event)](state, event)


def build_call_key(task_id: str, step_name: str) -> str:
    """Return the idempotency key of a tool call: the same for every attempt, 32 hex digits."""
    return hashlib.sha256(f"steward/call/v1\0{task_id}\0{step_name}".encode()).hexdigest()[:32]


def _on_requested(state: TurnState, event: events.TurnRequested) -> TurnState:
    return replace(state, request=event)


def _on_recalled(state: TurnState, event: events.RecallFinished) -> TurnState:
    return replace(state, recalled=event.records)


def _on_model_started(state: TurnState, _: events.ModelStarted) -> TurnState:
    return replace(state, model_calls=state.model_calls + 1)


def _on_model_replied(state: TurnState, event: events.ModelReplied) -> TurnState:
    exchange = Exchange(
        number=event.number,
        text=event.text,
        label=event.label,
        finish_reason=event.finish_reason,
        model=event.model,
        calls=_open_calls(state, event),
    )
    return replace(
        state,
        exchanges=(*state.exchanges, exchange),
        usage=state.usage.plus(event.usage),
    )


def _open_calls(state: TurnState, event: events.ModelReplied) -> tuple[CallState, ...]:
    """Give each call a step, and an id where the model gave none or the same one twice."""
    offers = {offer.name: offer for offer in reversed(state.offers)}
    seen: set[str] = set()
    calls: list[CallState] = []
    for index, call in enumerate(event.tool_calls):
        step_name = f"{event.number}.{index}"
        if not call.call_id or call.call_id in seen:
            call = ToolCall(f"call_{step_name}", call.tool, call.arguments)  # noqa: PLW2901 # mended
        seen.add(call.call_id)
        offer = offers.get(call.tool)
        calls.append(
            CallState(
                step_name,
                call,
                is_client=offer is not None and offer.is_client,
                is_read=offer is not None and offer.is_read,
            )
        )
    return tuple(calls)


def _on_model_failed(state: TurnState, event: events.ModelFailed) -> TurnState:
    return replace(state, failure=Failure(event.reason, event.message))


def _on_tool_intended(state: TurnState, event: events.ToolIntended) -> TurnState:
    return _change_call(state, event.step, status=CallStatus.INTENDED)


def _on_tool_sent(state: TurnState, event: events.ToolSent) -> TurnState:
    return _change_call(state, event.step, status=CallStatus.SENT, attempts=event.attempt)


def _on_tool_finished(state: TurnState, event: events.ToolFinished) -> TurnState:
    return _change_call(
        state, event.step, status=CallStatus.RESOLVED, text=event.text, label=event.label
    )


def _on_tool_failed(state: TurnState, event: events.ToolFailed) -> TurnState:
    return _resolve_without_result(state, event.step, event.reason, event.message)


def _on_denied(state: TurnState, event: events.Denied) -> TurnState:
    match event.command:
        case CommandKind.CALL_TOOL:
            return _resolve_without_result(state, event.step, event.reason, event.message)
        case CommandKind.RECALL:
            return replace(state, recalled=())
        case CommandKind.REMEMBER:
            return replace(state, is_remembered=True)
        case _:
            return replace(state, failure=Failure(event.reason, event.message))


def _on_remembered(state: TurnState, _: events.RememberFinished) -> TurnState:
    return replace(state, is_remembered=True)


def _on_replied(state: TurnState, event: events.Replied) -> TurnState:
    return replace(state, is_replied=True, ended_at_ms=event.at_ms)


def _on_failed(state: TurnState, event: events.Failed) -> TurnState:
    failure = Failure(event.reason, event.message)
    return replace(state, failure=failure, is_failed=True, ended_at_ms=event.at_ms)


def _resolve_without_result(
    state: TurnState, step_name: str, reason: str, message: str
) -> TurnState:
    return _change_call(
        state,
        step_name,
        status=CallStatus.RESOLVED,
        text=f"There is no result ({reason}): {message.rstrip('.')}.",
        label=BOTTOM.derived_by(STEWARD_ORIGIN),
        reason=reason,
    )


def _change_call(state: TurnState, step_name: str, **changes: Any) -> TurnState:
    """Change one call of the last exchange; a step that is not there changes nothing."""
    if not state.exchanges:
        return state
    last = state.exchanges[-1]
    calls = tuple(
        replace(call, **changes)
        if call.step == step_name and call.status is not CallStatus.RESOLVED
        else call
        for call in last.calls
    )
    return replace(state, exchanges=(*state.exchanges[:-1], replace(last, calls=calls)))


_APPLY: Final[dict[type[Any], Callable[[TurnState, Any], TurnState]]] = {
    events.TurnRequested: _on_requested,
    events.RecallFinished: _on_recalled,
    events.ModelStarted: _on_model_started,
    events.ModelReplied: _on_model_replied,
    events.ModelFailed: _on_model_failed,
    events.ToolIntended: _on_tool_intended,
    events.ToolSent: _on_tool_sent,
    events.ToolFinished: _on_tool_finished,
    events.ToolFailed: _on_tool_failed,
    events.Denied: _on_denied,
    events.RememberFinished: _on_remembered,
    events.Replied: _on_replied,
    events.Failed: _on_failed,
}
