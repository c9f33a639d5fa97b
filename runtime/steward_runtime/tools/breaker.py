"""Wrapper: calls of a tool that keeps failing are not even tried for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from steward_runtime.limits.breaker import (
    CLOSED,
    BreakerSettings,
    decide_call,
    record_failure,
    record_success,
)
from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ToolAdapter
    from steward_runtime.turn.messages import ToolRequest

HOST_FAILURES: Final = frozenset(
    {"ToolTimeout", "ToolUnreachable", "ToolDisconnected", "ToolGatewayError"}
)
"""Outcomes that speak of the host. An answer, even one that refuses, shows that it lives."""


class BreakerTool:
    """Keeps the breaker of one tool on one host."""

    def __init__(
        self,
        inner: ToolAdapter,
        monotonic_seconds: Callable[[], float],
        settings: BreakerSettings = BreakerSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._inner = inner
        self._monotonic_seconds = monotonic_seconds
        self._settings = settings
        self._state = CLOSED

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make the call unless the breaker is open."""
        admitted = decide_call(self._settings, self._state, self._monotonic_seconds())
        self._state = admitted.state
        if not admitted.is_granted:
            return ToolOutcome(
                ToolOutcomeKind.NOT_SENT,
                reason="ToolUnavailable",
                message=(
                    f"Tool {request.tool} has failed several times and is not called for "
                    f"{admitted.wait_seconds:.0f} more seconds."
                ),
            )
        outcome = await self._inner.call(permit, request)
        self._record(outcome)
        return outcome

    def _record(self, outcome: ToolOutcome) -> None:
        if outcome.reason in HOST_FAILURES:
            now = self._monotonic_seconds()
            self._state = record_failure(self._settings, self._state, now)
        else:
            self._state = record_success()
