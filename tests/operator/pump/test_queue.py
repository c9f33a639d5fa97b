"""The queue: each key once, never twice at a time, later only if not sooner."""

from __future__ import annotations

import asyncio

from steward_operator.gather.subject import Subject
from steward_operator.pump.queue import KeyedQueue

A, B = Subject("Assistant", "n", "a"), Subject("Assistant", "n", "b")


async def take_now(queue: KeyedQueue) -> Subject | None:
    """The next key, or None where there is none at once."""
    try:
        return await asyncio.wait_for(queue.take(), 0.05)
    except TimeoutError:
        return None


async def test_many_additions_are_one_pass() -> None:
    """Events of one object coalesce while it waits."""
    queue = KeyedQueue()
    queue.open()
    for subject in (A, A, B, A):
        queue.add(subject)
    assert [await take_now(queue) for _ in range(3)] == [A, B, None]


async def test_nothing_is_handed_out_before_the_first_lists() -> None:
    """Deciding on half a world would write what the other half contradicts."""
    queue = KeyedQueue()
    queue.add(A)
    assert await take_now(queue) is None
    queue.open()
    assert await take_now(queue) == A


async def test_a_key_is_never_looked_at_twice_at_a_time() -> None:
    """What comes during a pass is due right after it, once."""
    queue = KeyedQueue()
    queue.open()
    queue.add(A)
    assert await take_now(queue) == A
    queue.add(A)
    queue.add(A)
    assert await take_now(queue) is None
    queue.done(A)
    assert await take_now(queue) == A
    queue.done(A)
    assert await take_now(queue) is None
    assert queue.is_idle


async def test_later_means_the_earliest_of_all_wishes() -> None:
    """A timer is never pushed back, and an addition makes it needless."""
    queue = KeyedQueue()
    queue.open()
    queue.add_later(A, 0.02)
    queue.add_later(A, 60.0)
    assert await asyncio.wait_for(queue.take(), 5) == A
    queue.done(A)
    assert await take_now(queue) is None
    queue.add_later(B, 60.0)
    queue.add(B)
    assert await take_now(queue) == B
    queue.done(B)
    queue.close()
    assert await take_now(queue) is None
