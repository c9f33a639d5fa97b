"""Events of turns for tests of the pure machine."""

from __future__ import annotations

from typing import Any

from steward_core.requests import ALICE
from steward_runtime.labels import Integrity, Label
from steward_runtime.turn import events
from steward_runtime.turn.intake import label_prompt, label_request
from steward_runtime.turn.messages import (
    NO_OPTIONS,
    ClientMessage,
    Message,
    ToolCall,
    ToolOffer,
    Usage,
)
from steward_runtime.turn.state import TurnSetting, TurnState
from steward_runtime.turn.step import step

LABEL = Label(Integrity.USER, subjects=frozenset({"pseudonym-of-alice"}))
LOOKUP = ToolOffer("lookup", "Looks up.", "{}", is_read=True)
SEARCH = ToolOffer("search", "Searches.", "{}", is_read=True)
CLOSE = ToolOffer("close", "Closes.", "{}")
CLIENT_TOOL = ToolOffer("show", "Shows.", "{}", is_client=True)


def begin(*tools: ToolOffer, **setting: Any) -> TurnState:
    """Return a turn before its first event."""
    return TurnState(
        "task_1", TurnSetting(label_prompt("desk", "Be kind.", "help"), tools, **setting)
    )


def requested(text: str = "Hello", **members: Any) -> events.TurnRequested:
    """Return a request of Alice; `members` overrides members of the event."""
    caller = members.get("caller", ALICE)
    values: dict[str, Any] = {
        "caller": caller,
        "conversation_id": "conv_1",
        "history_length": 0,
        "messages": say(ClientMessage("user", text)),
        "options": NO_OPTIONS,
        "client_tools": (),
        "blueprint_digest": "sha256:b",
        "accepted_at_ms": 1_000,
        "deadline_at_ms": 61_000,
        **members,
    }
    return events.TurnRequested(**values)


def say(*messages: ClientMessage) -> tuple[Message, ...]:
    """Label what Alice's client sends."""
    return label_request(messages, ALICE, purpose="help")


def replied(text: str = "", *tools: str, number: int = 1) -> events.ModelReplied:
    """Return an answer with text and one call of each of these tools."""
    calls = tuple(ToolCall(f"id-{n}", tool, "{}") for n, tool in enumerate(tools))
    finish = "tool_calls" if tools else "stop"
    return events.ModelReplied(number, text, calls, LABEL, finish, Usage(10, 5), "main")


def play(state: TurnState, *history: events.Event) -> tuple[TurnState, tuple[Any, ...]]:
    """Step through events; return the state and the last commands."""
    commands: tuple[Any, ...] = ()
    for event in history:
        state, commands = step(state, event)
    return state, commands
