"""Wrappers of tools: deadline, breaker, observed, toolbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from steward_permits import ask_permit_for_tool
from steward_runtime.clock import ManualClock
from steward_runtime.limits.breaker import BreakerSettings
from steward_runtime.policy.permit import Permit
from steward_runtime.telemetry.spans import PlainTracer, current_span
from steward_runtime.tools.breaker import BreakerTool
from steward_runtime.tools.deadline import DeadlineTool
from steward_runtime.tools.observed import ObservedTool
from steward_runtime.tools.toolbox import Toolbox
from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind, ToolRequest

REQUEST = ToolRequest("lookup", "{}", "key-1")
GOOD = ToolOutcome(ToolOutcomeKind.ANSWERED, text="fine")
LOST = ToolOutcome(ToolOutcomeKind.UNKNOWN, reason="ToolTimeout", message="late")
NO = ToolOutcome(ToolOutcomeKind.REFUSED, reason="ToolAnsweredError", message="404")


class Scripted:
    """Answers outcomes in order; None waits for ever."""

    def __init__(self, outcomes: Sequence[ToolOutcome | None]) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0
        self.saw_span = False

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Give the next outcome."""
        self.calls += 1
        self.saw_span = current_span() is not None
        outcome = self.outcomes.pop(0)
        if outcome is None:
            await asyncio.Event().wait()
            raise AssertionError
        return outcome


class Meter:
    """Keeps what is counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, str]] = []

    def record_tool_call(self, tool: str, outcome: str, seconds: float) -> None:
        """Keep one count."""
        self.counted.append((tool, outcome))


async def test_gives_up_a_call_after_the_time_of_the_contract() -> None:
    """A tool that does not answer in time leaves an unknown outcome that says so."""
    tool = DeadlineTool(Scripted([None]), 0.01)
    outcome = await tool.call(ask_permit_for_tool("lookup"), REQUEST)
    assert (outcome.kind, outcome.reason) == (ToolOutcomeKind.UNKNOWN, "ToolTimeout")
    assert "0.01 seconds" in outcome.message


async def test_does_not_call_a_tool_that_keeps_failing() -> None:
    """After two lost calls the third is not sent; after the pause one is tried again."""
    clock, inner = ManualClock(), Scripted([LOST, LOST, GOOD])
    tool = BreakerTool(inner, clock.monotonic_seconds, BreakerSettings(failures_max=2))
    permit = ask_permit_for_tool("lookup")
    for _ in range(2):
        await tool.call(permit, REQUEST)
    refused = await tool.call(permit, REQUEST)
    assert (refused.kind, refused.reason) == (ToolOutcomeKind.NOT_SENT, "ToolUnavailable")
    assert inner.calls == 2
    clock.move(5)
    assert await tool.call(permit, REQUEST) == GOOD


async def test_takes_a_refusal_of_the_tool_for_a_sign_of_life() -> None:
    """Answers of 404 never open the breaker."""
    inner = Scripted([NO, NO, NO])
    settings = BreakerSettings(failures_max=2)
    tool = BreakerTool(inner, ManualClock().monotonic_seconds, settings)
    for _ in range(3):
        await tool.call(ask_permit_for_tool("lookup"), REQUEST)
    assert inner.calls == 3


async def test_counts_every_call_by_outcome_inside_a_span() -> None:
    """Success counts as Ok, a failure by its reason, a cancelled call as Cancelled."""
    meter, inner = Meter(), Scripted([GOOD, LOST, None])
    clock = ManualClock().monotonic_seconds
    tool = ObservedTool(inner, PlainTracer(lambda n: b"\x01" * n), meter, clock)
    permit = ask_permit_for_tool("lookup")
    assert await tool.call(permit, REQUEST) == GOOD
    await tool.call(permit, REQUEST)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await tool.call(permit, REQUEST)
    assert meter.counted == [
        ("lookup", "Ok"),
        ("lookup", "ToolTimeout"),
        ("lookup", "Cancelled"),
    ]
    assert inner.saw_span


async def test_finds_a_tool_by_name_and_says_when_there_is_none() -> None:
    """The driver sees one adapter; an unknown name is an outcome."""
    box = Toolbox({"lookup": Scripted([GOOD])})
    assert await box.call(ask_permit_for_tool("lookup"), REQUEST) == GOOD
    missing = await box.call(ask_permit_for_tool("x"), ToolRequest("x", "{}", "k"))
    assert (missing.kind, missing.reason) == (ToolOutcomeKind.NOT_SENT, "ToolUnknown")
