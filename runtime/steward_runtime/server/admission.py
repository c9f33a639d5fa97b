"""Admission of tasks: rate per key, places and the queue, on the event loop.

The decisions are `limits`'; here they meet the clock and waiting clients. A request waits before it
is accepted, so a refusal never breaks a promise.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from steward_runtime.errors import Overloaded, RateLimited
from steward_runtime.limits.queue import (
    Places,
    QueueState,
    Step,
    Ticket,
    decide_arrival,
    decide_departure,
    estimate_wait_seconds,
)
from steward_runtime.limits.rate import FULL, NANOSECONDS_PER_SECOND, Rate, decide_spending
from steward_runtime.server.ports import Meter


@dataclass(frozen=True, slots=True)
class RateView:
    """What a client may know about its bucket."""

    limit: int
    remaining: int


class RateLimiter:
    """One token bucket per key; keys come from files, so they are few."""

    def __init__(self, rate: Rate, monotonic_seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._monotonic_seconds = monotonic_seconds
        self._states: dict[str, int] = {}

    def spend(self, key_id: str) -> RateView:
        """Take one token.

        Raises:
            RateLimited: if the bucket is empty.
        """
        now = int(self._monotonic_seconds() * NANOSECONDS_PER_SECOND)
        spending = decide_spending(self._rate, self._states.get(key_id, FULL), now)
        self._states[key_id] = spending.full_at
        if not spending.is_granted:
            seconds = -(-spending.wait_nanoseconds // NANOSECONDS_PER_SECOND)
            raise RateLimited(
                f"The key has started {self._rate.requests} requests within a minute. "
                f"Wait {seconds} seconds, or ask for a higher limits.requestsPerMinute.",
                retry_after_seconds=seconds,
            )
        return RateView(self._rate.requests, spending.remaining)


class Admission:
    """Places for running tasks, and the queue before them."""

    def __init__(
        self, places: Places, monotonic_seconds: Callable[[], float], meter: Meter
    ) -> None:
        self._places = places
        self._monotonic_seconds = monotonic_seconds
        self._meter = meter
        self._numbers = itertools.count(1)
        self._state = QueueState()
        self._waiters: dict[int, asyncio.Future[None]] = {}
        self._began: dict[int, float] = {}

    @property
    def has_place(self) -> bool:
        """Say whether a task could start at once."""
        return len(self._state.running) < self._places.concurrent

    async def enter(self, share: str, wait_seconds_max: float) -> Ticket:
        """Get a place, after waiting if need be. Give it back with `leave`.

        Raises:
            Overloaded: if the queue is full, a fairer claim took the place, or the wait was long.
        """
        ticket = Ticket(next(self._numbers), share)
        arrival = decide_arrival(self._places, self._state, ticket)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[ticket.number] = waiter
        self._apply(arrival)
        if waiter.done():
            waiter.result()
            return ticket
        try:
            async with asyncio.timeout(wait_seconds_max):
                await waiter
        except TimeoutError:
            self._depart(ticket)
            raise self._build_refusal(f"none became free within {wait_seconds_max:g} s") from None
        except asyncio.CancelledError:
            self._depart(ticket)
            raise
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a place back."""
        self._depart(ticket)

    def _depart(self, ticket: Ticket) -> None:
        self._waiters.pop(ticket.number, None)
        began = self._began.pop(ticket.number, None)
        seconds = None if began is None else self._monotonic_seconds() - began
        self._apply(decide_departure(self._places, self._state, ticket, seconds))

    def _apply(self, step: Step) -> None:
        self._state = step.state
        now = self._monotonic_seconds()
        for ticket in step.started:
            self._began[ticket.number] = now
            self._settle(ticket, None)
        for ticket in step.refused:
            self._settle(ticket, self._build_refusal("its queue is full"))
        self._meter.record_queue(len(step.state.running), len(step.state.waiting))

    def _settle(self, ticket: Ticket, refusal: Overloaded | None) -> None:
        waiter = self._waiters.pop(ticket.number, None)
        if waiter is None or waiter.done():  # the client went away in the same moment
            return
        if refusal is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(refusal)

    def _build_refusal(self, what: str) -> Overloaded:
        return Overloaded(
            f"All {self._places.concurrent} places of the assistant are taken and {what}. "
            "Try again later, or raise limits.concurrentTasks or limits.queuedTasks.",
            retry_after_seconds=estimate_wait_seconds(self._places, self._state),
        )
