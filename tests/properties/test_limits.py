"""Laws of the limits: they hold for every order of events and every clock."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.limits.breaker import (
    CLOSED,
    BreakerSettings,
    decide_call,
    record_failure,
    record_success,
)
from steward_runtime.limits.queue import (
    Places,
    QueueState,
    Ticket,
    decide_arrival,
    decide_departure,
    estimate_wait_seconds,
)
from steward_runtime.limits.rate import FULL, MINUTE_NANOSECONDS, Rate, decide_spending

RATES = st.builds(Rate, st.integers(1, 60_000))
GAPS = st.lists(st.integers(0, 20 * 1_000_000_000), max_size=60)


@given(rate=RATES, start=st.integers(0, 2**62), gaps=GAPS)
def test_never_grants_more_than_the_rate_in_any_window(
    rate: Rate, start: int, gaps: list[int]
) -> None:
    """In any window, grants are at most a full bucket and what refilled meanwhile."""
    state, now, granted = FULL, start, list[int]()
    for gap in gaps:
        now += gap
        spending = decide_spending(rate, state, now)
        state = spending.full_at
        if spending.is_granted:
            granted.append(now)
    for index, first in enumerate(granted):
        for count, last in enumerate(granted[index:], start=1):
            refilled = (last - first) * rate.requests / MINUTE_NANOSECONDS
            assert count <= rate.requests + refilled + 1e-6


@given(rate=RATES, start=st.integers(0, 2**62), burst=st.integers(1, 200))
def test_grants_after_the_announced_wait_and_not_a_nanosecond_before(
    rate: Rate, start: int, burst: int
) -> None:
    """Whoever waits as told gets a token; one nanosecond less is too early."""
    state = FULL
    for _ in range(burst):
        spending = decide_spending(rate, state, start)
        state = spending.full_at
    if not spending.is_granted:
        told = spending.wait_nanoseconds
        assert decide_spending(rate, state, start + told).is_granted
        assert not decide_spending(rate, state, start + told - 1).is_granted


EVENTS = st.lists(
    st.tuples(st.sampled_from(("arrive", "finish", "abandon")), st.integers(0, 7)), max_size=80
)
PLACES = st.builds(Places, st.integers(1, 4), st.integers(0, 6))


@given(places=PLACES, events=EVENTS)
def test_every_ticket_is_in_one_place_and_no_place_is_idle(
    places: Places, events: list[tuple[str, int]]
) -> None:
    """Tickets are neither lost nor doubled, bounds hold, and nobody waits beside a free place."""
    state, gone = QueueState(), list[Ticket]()
    for number, (event, pick) in enumerate(events):
        if event == "arrive":
            step = decide_arrival(places, state, Ticket(number, f"s{pick % 3}"))
        else:
            pool = state.running if event == "finish" else state.waiting
            if not pool:
                continue
            leaver = pool[pick % len(pool)]
            gone.append(leaver)
            seconds = 1.0 if event == "finish" else None
            step = decide_departure(places, state, leaver, seconds)
        state = step.state
        gone.extend(step.refused)
        assert len(state.running) <= places.concurrent
        assert len(state.waiting) <= places.queued
        assert not state.waiting or len(state.running) == places.concurrent
        assert 1 <= estimate_wait_seconds(places, state) <= 60
        everybody = Counter(each.number for each in (*state.running, *state.waiting, *gone))
        arrived = [n for n, (kind, _) in enumerate(events[: number + 1]) if kind == "arrive"]
        assert everybody == Counter(arrived)


@given(places=PLACES, shares=st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_no_subject_is_sent_away_for_one_that_waits_as_much(
    places: Places, shares: list[int]
) -> None:
    """Who is sent away belongs to a share that waits no less than any other, after the event."""
    state = QueueState()
    for number, share in enumerate(shares):
        step = decide_arrival(places, state, Ticket(number, f"s{share}"))
        held = Counter(each.share for each in step.state.waiting)
        for refused in step.refused:
            assert held[refused.share] + 1 >= max(held.values(), default=0)
        state = step.state


@given(places=PLACES, shares=st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_starts_tickets_of_one_share_in_order_of_arrival(places: Places, shares: list[int]) -> None:
    """Within a share nobody overtakes."""
    state, started = QueueState(), list[Ticket]()
    for number, share in enumerate(shares):
        step = decide_arrival(places, state, Ticket(number, f"s{share}"))
        state = step.state
        started.extend(step.started)
    while state.running:
        step = decide_departure(places, state, state.running[0], 1.0)
        state = step.state
        started.extend(step.started)
    for name in {each.share for each in started}:
        numbers = [each.number for each in started if each.share == name]
        assert numbers == sorted(numbers)


SETTINGS = BreakerSettings(failures_max=3, open_seconds=2.0, open_seconds_max=16.0)
CALLS = st.lists(st.tuples(st.floats(0, 40), st.sampled_from(("good", "bad", "lost"))), max_size=60)


@given(calls=CALLS)
def test_breaker_refuses_only_after_failures_and_never_for_ever(
    calls: list[tuple[float, str]],
) -> None:
    """A refusal follows enough failures in a row; after the longest pause a probe always goes."""
    state, now, failures = CLOSED, 0.0, 0
    for gap, outcome in calls:
        now += gap
        admitted = decide_call(SETTINGS, state, now)
        state = admitted.state
        if not admitted.is_granted:
            assert failures >= SETTINGS.failures_max
            assert admitted.wait_seconds <= SETTINGS.open_seconds_max
            after = now + SETTINGS.open_seconds_max + 1e-3
            assert decide_call(SETTINGS, state, after).is_granted
        elif outcome == "good":
            state, failures = record_success(), 0
        elif outcome == "bad":
            state, failures = record_failure(SETTINGS, state, now), failures + 1
