"""The steps of a task that its owner may see: that they happened, never what was said."""

from __future__ import annotations

from steward_runtime.labels import BOTTOM
from steward_runtime.server.render import render_task
from steward_runtime.tasks.queries import list_steps
from steward_runtime.tasks.requests import StepType, TaskStep, TaskView
from steward_runtime.turn.messages import Recalled, ToolCall
from steward_runtime.turn.state import (
    CallState,
    CallStatus,
    Exchange,
    Outcome,
    TaskStatus,
    TurnState,
)

MARKER = "zebra-marker"
CALL = ToolCall("call-1", "find-ticket", f'{{"text":"{MARKER}"}}')
STATE = TurnState(
    "task-1",
    recalled=(Recalled("memory-1", "requests", MARKER, BOTTOM, 0),),
    exchanges=(
        Exchange(
            1,
            MARKER,
            BOTTOM,
            "tool_calls",
            "chat",
            (
                CallState("1.1", CALL, status=CallStatus.RESOLVED, text=MARKER),
                CallState("1.2", CALL, status=CallStatus.RESOLVED, reason="CallsExceeded"),
                CallState("1.3", CALL, is_client=True),
            ),
        ),
    ),
)


def test_lists_recall_and_own_tools_in_order() -> None:
    """Calls that the client runs are the client's affair."""
    assert list_steps(STATE) == (
        TaskStep(StepType.RECALL, CallStatus.RESOLVED, records=("memory-1",)),
        TaskStep(StepType.TOOL, CallStatus.RESOLVED, "find-ticket"),
        TaskStep(StepType.TOOL, CallStatus.RESOLVED, "find-ticket", "CallsExceeded"),
    )


def test_a_turn_without_memory_has_no_recall() -> None:
    """Nothing is listed that did not happen."""
    assert list_steps(TurnState("task-1")) == ()


def test_steps_carry_no_content() -> None:
    """Neither arguments, results nor remembered text."""
    view = TaskView("task-1", "conversation-1", 0, 1, Outcome(TaskStatus.FAILED), list_steps(STATE))
    body = render_task(view, "helpdesk", None)
    assert b'"records":["memory-1"]' in body
    assert MARKER.encode() not in body
