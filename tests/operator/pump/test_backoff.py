"""Backoff: rising, bounded, and never sooner than the server asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steward_operator.pump.backoff import JITTER, LAST_SECONDS, plan_retry_seconds


def test_six_tries_fit_into_the_first_minute() -> None:
    """A transient fault of a minute is not a storm."""
    delays = [plan_retry_seconds(failures, None, 0.0) for failures in range(1, 8)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]


@given(st.integers(1, 10_000), st.none() | st.floats(0, 300), st.floats(0, 1, allow_nan=False))
def test_stays_within_bounds(failures: int, asked: float | None, fraction: float) -> None:
    """At least what was asked, at most the last step, jitter included."""
    delay = plan_retry_seconds(failures, asked, fraction)
    assert max(1.0, asked or 0.0) <= delay <= LAST_SECONDS * (1 + JITTER)
