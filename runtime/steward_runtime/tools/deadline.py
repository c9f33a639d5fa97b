"""Wrapper: a call ends when the contract's time is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ToolAdapter
    from steward_runtime.turn.messages import ToolRequest


class DeadlineTool:
    """Gives up a call after `timeout_seconds`; whether it acted is then unknown."""

    def __init__(self, inner: ToolAdapter, timeout_seconds: float) -> None:
        self._inner = inner
        self._timeout_seconds = timeout_seconds

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make the call, for so long and no longer."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._inner.call(permit, request)
        except TimeoutError:
            return ToolOutcome(
                ToolOutcomeKind.UNKNOWN,
                reason="ToolTimeout",
                message=f"Tool {request.tool} did not answer in {self._timeout_seconds:g} seconds.",
            )
