"""Wrapper: a span, a count and a duration for every call of a tool; no arguments, no results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from steward_runtime.telemetry.names import OUTCOME_OK, Attribute, SpanName
from steward_runtime.telemetry.spans import SpanKind, SpanStart, Tracer

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ToolAdapter
    from steward_runtime.turn.messages import ToolOutcome, ToolRequest


class ToolMeter(Protocol):
    """Counts tool calls."""

    def record_tool_call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count one call; `outcome` is `Ok` or a reason."""


class ObservedTool:
    """Opens `execute_tool <name>` around each call."""

    def __init__(
        self,
        inner: ToolAdapter,
        tracer: Tracer,
        meter: ToolMeter,
        monotonic_seconds: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._tracer = tracer
        self._meter = meter
        self._monotonic_seconds = monotonic_seconds

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make the call inside a span."""
        start = SpanStart(
            SpanName.EXECUTE_TOOL,
            request.tool,
            SpanKind.CLIENT,
            {
                Attribute.OPERATION: SpanName.EXECUTE_TOOL.value,
                Attribute.TOOL_NAME: request.tool,
                Attribute.TASK_ID: permit.task_id,
            },
        )
        began = self._monotonic_seconds()
        outcome_name = "Cancelled"
        with self._tracer.open_span(start) as span:
            try:
                outcome = await self._inner.call(permit, request)
                outcome_name = outcome.reason or OUTCOME_OK
                if outcome.reason:
                    span.record_failure(outcome.reason)
                return outcome
            finally:
                seconds = self._monotonic_seconds() - began
                self._meter.record_tool_call(request.tool, outcome_name, seconds)
