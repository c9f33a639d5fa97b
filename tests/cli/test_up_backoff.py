"""The pause before a restart, and when a purge run is due (pure)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_cli.local.backoff import SECONDS_MAX, count_failures, decide_restart_seconds
from steward_cli.local.programs import Program, Schedule
from steward_cli.local.schedules import decide_next_run

PROGRAM = Program((), (), None, 30, 60)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=3_650)).map(lambda after: BEGIN + after)


@given(st.integers(min_value=-3, max_value=10_000))
def test_the_pause_grows_and_is_bounded(failures: int) -> None:
    """Never shorter than before, never above the maximum, never zero."""
    pause, following = decide_restart_seconds(failures), decide_restart_seconds(failures + 1)
    assert 1 <= pause <= following <= SECONDS_MAX


def test_the_first_pauses_double() -> None:
    """1, 2, 4, 8, 16, 30, 30 seconds."""
    assert [decide_restart_seconds(count) for count in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(min_value=0, max_value=100), st.floats(min_value=0, max_value=1e6))
def test_a_child_that_settled_starts_the_count_anew(before: int, lived: float) -> None:
    """A minute of life forgives."""
    assert count_failures(before, lived) == (1 if lived >= 60 else before + 1)


@pytest.mark.parametrize(
    "cron", ["* * * * *", "3-59/5 * * * *", "17 * * * *", "17 5-23/6 * * *", "9 4 * * *"]
)
@given(now=MOMENTS)
def test_the_next_run_is_later_and_on_a_whole_minute(cron: str, now: datetime) -> None:
    """Every form of cron line that the plan writes."""
    following = decide_next_run(Schedule(cron, "Etc/UTC", PROGRAM, 60), now)
    assert now < following <= now + timedelta(days=1)
    assert (following.second, following.microsecond) == (0, 0)


def test_runs_of_every_five_minutes_are_five_minutes_apart() -> None:
    """The schedule is the cron line's, not a timer's."""
    schedule = Schedule("3-59/5 * * * *", "Etc/UTC", PROGRAM, 60)
    times = [datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)]
    for _ in range(20):
        times.append(decide_next_run(schedule, times[-1]))
    assert {later - earlier for earlier, later in pairwise(times[1:])} == {timedelta(minutes=5)}
