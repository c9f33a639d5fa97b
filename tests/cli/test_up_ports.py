"""Ports of the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from steward_cli.local.ports import LOOPBACK, gather_free_port, is_free


@pytest.fixture
def busy() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_wanted_port_is_taken_when_it_is_free() -> None:
    """So that the address stays the same from start to start."""
    wanted = gather_free_port()
    assert gather_free_port(wanted) == wanted


def test_another_port_is_found_where_somebody_listens(busy: int) -> None:
    """8080 is often in use; that is no reason to stop."""
    assert not is_free(busy)
    found = gather_free_port(busy)
    assert found != busy
    assert is_free(found)


def test_no_port_is_given_twice() -> None:
    """Ports that were chosen and are not listened on yet count as taken."""
    wanted = gather_free_port()
    assert gather_free_port(wanted, taken=frozenset({wanted})) != wanted
