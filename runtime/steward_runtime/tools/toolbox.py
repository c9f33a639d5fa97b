"""All tools of one assistant behind the one port that the driver knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ToolAdapter
    from steward_runtime.turn.messages import ToolRequest


class Toolbox:
    """Finds the tool by its name."""

    def __init__(self, tools: Mapping[str, ToolAdapter]) -> None:
        self._tools = dict(tools)

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make one call; a tool that is not there is an outcome, not an error."""
        tool = self._tools.get(request.tool)
        if tool is None:
            return ToolOutcome(
                ToolOutcomeKind.NOT_SENT,
                reason="ToolUnknown",
                message=f"This assistant has no tool {request.tool}.",
            )
        return await tool.call(permit, request)
