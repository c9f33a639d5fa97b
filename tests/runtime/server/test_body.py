"""Request bodies within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.types import Receive

from steward_runtime.errors import BodyTooLarge, Overloaded
from steward_runtime.server.body import BodyBudget, ClientGone, read_body
from steward_runtime.server.errors import RequestTimedOut


def _scope(length: str | None = None) -> dict[str, Any]:
    headers = [] if length is None else [(b"content-length", length.encode())]
    return {"type": "http", "headers": headers}


def _send(*chunks: bytes, is_cut: bool = False) -> tuple[Receive, list[bytes]]:
    taken: list[bytes] = []
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        taken.append(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or is_cut}

    return receive, taken


@pytest.mark.parametrize("chunks", [(b"",), (b"abc",), (b"ab", b"", b"c")])
async def test_joins_the_chunks_of_a_body(chunks: Sequence[bytes]) -> None:
    """One chunk or many make the same body."""
    receive, _ = _send(*chunks)
    assert await read_body(_scope(), receive, 10) == b"".join(chunks)


@pytest.mark.parametrize("length", [None, "20", "x"])
async def test_refuses_more_than_the_limit(length: str | None) -> None:
    """With or without a declared length, also a wrong one; the rest is read and dropped."""
    receive, taken = _send(b"a" * 8, b"b" * 8, b"c" * 4)
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        await read_body(_scope(length), receive, 10)
    assert len(taken) == 3


async def test_does_not_read_a_flood_to_its_end() -> None:
    """What is dropped is bounded as well."""
    receive, taken = _send(*[b"x" * 10] * 100)
    with pytest.raises(BodyTooLarge):
        await read_body(_scope(), receive, 10)
    assert len(taken) < 25


async def test_takes_a_body_of_exactly_the_limit() -> None:
    """The limit itself is allowed."""
    receive, _ = _send(b"a" * 10)
    assert len(await read_body(_scope("10"), receive, 10)) == 10


async def test_gives_up_a_body_that_does_not_come() -> None:
    """A sender that stops holds the connection for a bounded time."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(RequestTimedOut, match=r"0\.01 seconds"):
        await read_body(_scope(), receive, 10, 0.01)


async def test_notices_a_client_that_leaves() -> None:
    """A body that breaks off has nobody to answer to."""
    receive, _ = _send(b"a", is_cut=True)
    with pytest.raises(ClientGone):
        await read_body(_scope(), receive, 10)


def test_gives_room_to_one_body_of_any_size_and_takes_it_back() -> None:
    """A budget that is smaller than one body serves bodies one by one."""
    budget = BodyBudget(10)
    for _ in range(2):
        with budget.reserve(_scope("50"), 100), pytest.raises(Overloaded):
            budget.reserve(_scope(), 100).__enter__()


def test_takes_no_room_for_a_body_that_is_refused_for_its_size() -> None:
    """Its sender is told 413, not 503."""
    budget = BodyBudget(10)
    with budget.reserve(_scope("10"), 10), budget.reserve(_scope("11"), 10):
        pass
