"""Circuit breaker: examples."""

from __future__ import annotations

from steward_runtime.limits.breaker import (
    CLOSED,
    BreakerSettings,
    BreakerState,
    decide_call,
    record_failure,
    record_success,
)

SETTINGS = BreakerSettings(failures_max=2, open_seconds=5.0, open_seconds_max=15.0)


def _fail(state: BreakerState, *moments: float) -> BreakerState:
    for moment in moments:
        state = record_failure(SETTINGS, state, moment)
    return state


def test_stays_closed_below_the_limit_of_failures() -> None:
    """One failure of two allowed changes nothing for the next call."""
    assert decide_call(SETTINGS, _fail(CLOSED, 0.0), 0.0).is_granted


def test_opens_at_the_limit_and_says_for_how_long() -> None:
    """Two failures in a row refuse the next call for the rest of the pause."""
    refused = decide_call(SETTINGS, _fail(CLOSED, 0.0, 1.0), 2.0)
    assert (refused.is_granted, refused.wait_seconds) == (False, 4.0)


def test_lets_one_probe_through_after_the_pause() -> None:
    """When the pause is over, one call goes and a second one waits for its outcome."""
    probe = decide_call(SETTINGS, _fail(CLOSED, 0.0, 0.0), 5.0)
    second = decide_call(SETTINGS, probe.state, 5.0)
    assert (probe.is_granted, second.is_granted) == (True, False)


def test_doubles_the_pause_after_a_failed_probe_up_to_the_longest() -> None:
    """5 s, then 10 s, then 15 s, which is the longest pause."""
    state, now, pauses = _fail(CLOSED, 0.0, 0.0), 0.0, []
    for _ in range(3):
        pauses.append(decide_call(SETTINGS, state, now).wait_seconds)
        now += pauses[-1]
        state = record_failure(SETTINGS, decide_call(SETTINGS, state, now).state, now)
    assert pauses == [5.0, 10.0, 15.0]


def test_closes_after_one_success() -> None:
    """A good probe lets every call through again and forgets old failures."""
    assert record_success() == CLOSED


def test_ignores_failures_of_calls_that_began_before_it_opened() -> None:
    """A late failure neither prolongs the pause nor doubles it."""
    opened = _fail(CLOSED, 0.0, 0.0)
    assert record_failure(SETTINGS, opened, 4.0) == opened


def test_lets_another_probe_go_when_the_first_is_lost() -> None:
    """A probe whose outcome is never reported does not keep the breaker open for ever."""
    probe = decide_call(SETTINGS, _fail(CLOSED, 0.0, 0.0), 5.0)
    assert decide_call(SETTINGS, probe.state, 5.0 + SETTINGS.open_seconds_max).is_granted
