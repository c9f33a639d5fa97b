"""Tools that do what a test says and note what they were asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from steward_runtime.policy.permit import Permit
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind, ToolRequest

Behaviour = Callable[[ToolRequest], ToolOutcome | Awaitable[ToolOutcome]]


def answer(request: ToolRequest) -> ToolOutcome:
    """Answer with the name of the tool."""
    return ToolOutcome(ToolOutcomeKind.ANSWERED, text=f'{{"from":"{request.tool}"}}')


class ScriptedTools:
    """All tools of one assistant.

    Args:
        behaviour: what a call comes to; answers by default.
    """

    def __init__(self, behaviour: Behaviour = answer) -> None:
        self.behaviour = behaviour
        self.called: list[ToolRequest] = []
        """Every request so far."""

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Note the request and do what the test says."""
        permit.check_covers(CommandKind.CALL_TOOL, request.tool)
        self.called.append(request)
        outcome = self.behaviour(request)
        return outcome if isinstance(outcome, ToolOutcome) else await outcome
