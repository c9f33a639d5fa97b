"""Bounded queue with a fair share per subject (pure).

A free place goes to the waiting share that has the fewest running tasks, and among equals to the
ticket that waited longest. When the queue is full, the longest share gives way: the newest ticket
of a share that holds at least two places more than the newcomer's is sent away instead (longest
queue drop, Aiello et al., "Competitive buffer management for shared-memory switches", 2008). So one
subject may use the whole queue while it is alone, and cannot keep others out of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

MEAN_WEIGHT: Final = 0.2
"""Weight of the newest task in the running mean of durations: about the last ten tasks count."""
RETRY_SECONDS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Places:
    """How many tasks may run and how many may wait."""

    concurrent: int
    queued: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One task that wants to run; `share` is whom it is counted against."""

    number: int
    share: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """Who runs and who waits, oldest first."""

    running: tuple[Ticket, ...] = ()
    waiting: tuple[Ticket, ...] = ()
    mean_seconds: float = 1.0
    """Running mean of how long a task takes; 1 until one has ended."""


@dataclass(frozen=True, slots=True)
class Step:
    """Next state, and what becomes of tickets: each that starts and each that is sent away."""

    state: QueueState
    started: tuple[Ticket, ...] = ()
    refused: tuple[Ticket, ...] = ()


def decide_arrival(places: Places, state: QueueState, ticket: Ticket) -> Step:
    """Let a new ticket run, wait, or send it (or a ticket of a longer share) away."""
    if len(state.running) < places.concurrent and not state.waiting:
        return Step(replace(state, running=(*state.running, ticket)), started=(ticket,))
    if len(state.waiting) < places.queued:
        return Step(replace(state, waiting=(*state.waiting, ticket)))
    displaced = _find_displaced(state.waiting, ticket.share)
    if displaced is None:
        return Step(state, refused=(ticket,))
    kept = tuple(each for each in state.waiting if each is not displaced)
    return Step(replace(state, waiting=(*kept, ticket)), refused=(displaced,))


def decide_departure(
    places: Places, state: QueueState, ticket: Ticket, ran_seconds: float | None
) -> Step:
    """Free the place of a ticket and fill what is free; `ran_seconds` is None if it never ran."""
    running = tuple(each for each in state.running if each.number != ticket.number)
    waiting = tuple(each for each in state.waiting if each.number != ticket.number)
    mean = state.mean_seconds
    if ran_seconds is not None:
        mean += MEAN_WEIGHT * (ran_seconds - mean)
    started: list[Ticket] = []
    while waiting and len(running) < places.concurrent:
        chosen = _find_next(running, waiting)
        running = (*running, chosen)
        waiting = tuple(each for each in waiting if each is not chosen)
        started.append(chosen)
    return Step(QueueState(running, waiting, mean), started=tuple(started))


def estimate_wait_seconds(places: Places, state: QueueState) -> int:
    """Estimate in whole seconds (1 to 60) when a place in the queue may be free."""
    ahead = len(state.waiting) + 1
    return max(1, min(RETRY_SECONDS_MAX, round(state.mean_seconds * ahead / places.concurrent)))


def _find_next(running: tuple[Ticket, ...], waiting: tuple[Ticket, ...]) -> Ticket:
    held = Counter(each.share for each in running)
    return min(waiting, key=lambda each: held[each.share])


def _find_displaced(waiting: tuple[Ticket, ...], newcomer: str) -> Ticket | None:
    held = Counter(each.share for each in waiting)
    if not held:
        return None
    longest = max(held.values())
    if longest < held[newcomer] + 2:
        return None
    return next(each for each in reversed(waiting) if held[each.share] == longest)
