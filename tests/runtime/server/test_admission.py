"""Places, queue and rates on the event loop."""

from __future__ import annotations

import asyncio

import pytest

from steward_runtime.clock import ManualClock
from steward_runtime.errors import Overloaded, RateLimited
from steward_runtime.limits.queue import Places
from steward_runtime.limits.rate import Rate
from steward_runtime.server.admission import Admission, RateLimiter


class Meter:
    """Keeps the last sight of the queue."""

    seen = (0, 0)

    def record_queue(self, running: int, waiting: int) -> None:
        """Keep one sight."""
        self.seen = (running, waiting)

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Keep nothing."""

    def record_refusal(self, reason: str) -> None:
        """Keep nothing."""

    def render(self) -> bytes:
        """Show nothing."""
        return b""


def _build(concurrent: int, queued: int) -> tuple[Admission, Meter, ManualClock]:
    meter, clock = Meter(), ManualClock()
    admission = Admission(Places(concurrent, queued), clock.monotonic_seconds, meter)
    return admission, meter, clock


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_gives_a_place_at_once_and_takes_it_back() -> None:
    """A free place costs no wait; leaving frees it."""
    admission, meter, _ = _build(1, 1)
    ticket = await admission.enter("a", 1)
    assert (meter.seen, admission.has_place) == ((1, 0), False)
    admission.leave(ticket)
    assert (meter.seen, admission.has_place) == ((0, 0), True)


async def test_lets_the_next_one_in_when_a_place_is_free() -> None:
    """A waiting request gets the place of one that ended."""
    admission, meter, _ = _build(1, 1)
    first = await admission.enter("a", 1)
    waiting = asyncio.create_task(admission.enter("b", 1))
    await _settle()
    assert meter.seen == (1, 1)
    admission.leave(first)
    assert (await waiting).share == "b"


async def test_refuses_when_the_queue_is_full_and_says_when_to_come_back() -> None:
    """The refusal follows how long tasks took lately."""
    admission, _, clock = _build(1, 0)
    ticket = await admission.enter("a", 1)
    clock.move(20)
    admission.leave(ticket)
    await admission.enter("a", 1)
    with pytest.raises(Overloaded, match="queue is full") as refusal:
        await admission.enter("a", 1)
    assert refusal.value.retry_after_seconds == 5


async def test_sends_the_newest_of_a_flood_away_for_another_subject() -> None:
    """The one that gives way is told; the newcomer waits in its place."""
    admission, _, _ = _build(1, 2)
    await admission.enter("a", 1)
    flood = [asyncio.create_task(admission.enter("a", 1)) for _ in range(2)]
    await _settle()
    newcomer = asyncio.create_task(admission.enter("b", 1))
    await _settle()
    with pytest.raises(Overloaded):
        flood[1].result()
    assert not flood[0].done()
    assert not newcomer.done()
    for task in (flood[0], newcomer):
        task.cancel()


async def test_frees_the_place_of_a_request_that_waited_too_long() -> None:
    """A wait has an end, and the queue forgets the ticket."""
    admission, meter, _ = _build(1, 1)
    await admission.enter("a", 1)
    with pytest.raises(Overloaded, match=r"0\.01 s"):
        await admission.enter("b", 0.01)
    assert meter.seen == (1, 0)


async def test_loses_no_place_to_a_client_that_leaves() -> None:
    """Cancelled while waiting, or in the very moment of getting the place: it is free again."""
    admission, meter, _ = _build(1, 2)
    first = await admission.enter("a", 1)
    gone = asyncio.create_task(admission.enter("b", 1))
    late = asyncio.create_task(admission.enter("c", 1))
    await _settle()
    gone.cancel()
    await _settle()
    admission.leave(first)
    late.cancel()
    await _settle()
    assert meter.seen == (0, 0)


def test_limits_each_key_by_itself() -> None:
    """One key's flood leaves another key's bucket full."""
    clock = ManualClock()
    rates = RateLimiter(Rate(2), clock.monotonic_seconds)
    assert [rates.spend("a").remaining for _ in range(2)] == [1, 0]
    with pytest.raises(RateLimited, match="30 seconds") as refusal:
        rates.spend("a")
    assert refusal.value.retry_after_seconds == 30
    assert rates.spend("b").remaining == 1
    clock.move(30)
    rates.spend("a")
