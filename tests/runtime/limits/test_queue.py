"""Bounded queue: examples."""

from __future__ import annotations

from steward_runtime.limits.queue import (
    Places,
    QueueState,
    Ticket,
    decide_arrival,
    decide_departure,
    estimate_wait_seconds,
)


def _arrive(places: Places, *shares: str) -> tuple[QueueState, list[Ticket]]:
    state, refused = QueueState(), list[Ticket]()
    for number, share in enumerate(shares):
        step = decide_arrival(places, state, Ticket(number, share))
        state = step.state
        refused.extend(step.refused)
    return state, refused


def test_runs_what_fits_and_queues_the_rest() -> None:
    """Two places run two tasks; the third waits; the fourth is refused."""
    state, refused = _arrive(Places(2, 1), "a", "a", "a", "a")
    assert [each.number for each in state.running] == [0, 1]
    assert [each.number for each in state.waiting] == [2]
    assert [each.number for each in refused] == [3]


def test_refuses_at_once_where_nothing_may_wait() -> None:
    """With no place to wait, a task that cannot run is refused."""
    _, refused = _arrive(Places(1, 0), "a", "b")
    assert [each.number for each in refused] == [1]


def test_gives_the_free_place_to_the_share_that_runs_least() -> None:
    """After a flood of one subject, another one is next although it came last."""
    places = Places(2, 8)
    state, _ = _arrive(places, "a", "a", "a", "a", "b")
    step = decide_departure(places, state, Ticket(0, "a"), 1.0)
    assert [each.share for each in step.started] == ["b"]


def test_sends_the_longest_share_away_when_the_queue_is_full() -> None:
    """A newcomer of another subject takes the place of the flood's newest ticket."""
    state, refused = _arrive(Places(1, 3), "a", "a", "a", "a", "b")
    assert [(each.number, each.share) for each in refused] == [(3, "a")]
    assert [each.share for each in state.waiting] == ["a", "a", "b"]


def test_forgets_a_ticket_that_stops_waiting() -> None:
    """A client that goes away frees its place in the queue and starts nobody."""
    places = Places(1, 2)
    state, _ = _arrive(places, "a", "b", "c")
    step = decide_departure(places, state, Ticket(1, "b"), None)
    assert [each.number for each in step.state.waiting] == [2]
    assert step.started == ()


def test_estimates_the_wait_between_one_second_and_a_minute() -> None:
    """Retry-After follows the mean duration and stays within its bounds."""
    state, _ = _arrive(Places(1, 4), "a", "a")
    slow = decide_departure(Places(1, 4), state, Ticket(0, "a"), 10_000.0).state
    assert estimate_wait_seconds(Places(1, 4), QueueState()) == 1
    assert estimate_wait_seconds(Places(1, 4), slow) == 60
