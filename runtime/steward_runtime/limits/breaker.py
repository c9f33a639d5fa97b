"""Circuit breaker of one tool or model on one host (pure).

Closed lets calls through and counts failures in a row. Open refuses until a moment. Half open lets
one probe through: its success closes the breaker, its failure opens it for twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens and for how long."""

    failures_max: int = 5
    """Failures in a row that open it: enough to tell a broken host from a lost packet."""
    open_seconds: float = 5.0
    """First pause; each failed probe doubles it."""
    open_seconds_max: float = 60.0
    """Longest pause: a host that came back is noticed within a minute."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """Failures in a row, and until when calls are refused."""

    failures: int = 0
    open_until_seconds: float | None = None
    """None while closed; else the moment from which a probe may go."""
    pause_seconds: float = 0.0
    """Length of the current pause."""
    probe_until_seconds: float | None = None
    """While a probe is out: when it counts as lost."""


CLOSED: Final = BreakerState()


@dataclass(frozen=True, slots=True)
class Admittance:
    """Whether a call may go, and if not, how long to wait."""

    state: BreakerState
    wait_seconds: float = 0.0

    @property
    def is_granted(self) -> bool:
        """Say whether the call may go."""
        return self.wait_seconds == 0.0


def decide_call(settings: BreakerSettings, state: BreakerState, now_seconds: float) -> Admittance:
    """Let a call through, or refuse it while the breaker is open or a probe is out."""
    if state.open_until_seconds is None:
        return Admittance(state)
    if now_seconds < state.open_until_seconds:
        return Admittance(state, state.open_until_seconds - now_seconds)
    if state.probe_until_seconds is not None and now_seconds < state.probe_until_seconds:
        return Admittance(state, state.probe_until_seconds - now_seconds)
    probe_until = now_seconds + settings.open_seconds_max
    return Admittance(replace(state, probe_until_seconds=probe_until))


def record_success() -> BreakerState:
    """Close the breaker: one good answer is enough."""
    return CLOSED


def record_failure(
    settings: BreakerSettings, state: BreakerState, now_seconds: float
) -> BreakerState:
    """Count a failure; open the breaker at the limit, or for longer after a failed probe.

    A failure that arrives while the breaker is open (the call began before) changes nothing.
    """
    if state.open_until_seconds is None:
        failures = state.failures + 1
        if failures < settings.failures_max:
            return BreakerState(failures=failures)
        return _build_open(settings.open_seconds, failures, now_seconds)
    if state.probe_until_seconds is None:
        return state
    pause = min(settings.open_seconds_max, state.pause_seconds * 2)
    return _build_open(pause, state.failures + 1, now_seconds)


def _build_open(pause_seconds: float, failures: int, now_seconds: float) -> BreakerState:
    return BreakerState(failures, now_seconds + pause_seconds, pause_seconds)
