"""A task as its clients see it."""

from __future__ import annotations

import asyncio

import pytest

from steward_runtime.errors import StorageFull
from steward_runtime.tasks.live import LiveTask, build_ended
from steward_runtime.turn.state import Outcome, TaskStatus

REPLIED = Outcome(TaskStatus.REPLIED, text="one two")


async def _follow(live: LiveTask) -> list[str]:
    return [piece async for piece in live.follow()]


async def test_followers_get_pieces_as_they_come() -> None:
    """Two followers, one early and one late, both get everything."""
    live = LiveTask("task_1", "conv_1", 0)
    early = asyncio.create_task(_follow(live))
    await asyncio.sleep(0)
    live.publish("one ")
    await asyncio.sleep(0)
    late = asyncio.create_task(_follow(live))
    live.publish("two")
    live.publish("")
    live.finish(REPLIED)
    assert await early == await late == ["one ", "two"]
    assert await live.wait() is REPLIED


async def test_an_end_that_could_not_be_written_reaches_everybody() -> None:
    """Followers and waiters get the error, after the pieces that came."""
    live = LiveTask("task_1", "conv_1", 0)
    waiting = asyncio.create_task(live.wait())
    await asyncio.sleep(0)
    live.publish("one ")
    live.break_off(StorageFull("the database is full"))
    pieces = live.follow()
    assert await anext(pieces) == "one "
    with pytest.raises(StorageFull):
        await anext(pieces)
    with pytest.raises(StorageFull):
        await waiting


async def test_one_that_leaves_does_not_disturb_others() -> None:
    """Cancelling a waiter cancels nobody else."""
    live = LiveTask("task_1", "conv_1", 0)
    leaving, staying = asyncio.create_task(live.wait()), asyncio.create_task(live.wait())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    live.finish(REPLIED)
    assert await staying is REPLIED


async def test_an_ended_task_can_be_followed_again() -> None:
    """A client that comes back gets the whole text at once."""
    live = build_ended("task_1", "conv_1", 0, REPLIED)
    assert live.is_ended
    assert await _follow(live) == ["one two"]
