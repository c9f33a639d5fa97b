"""Pinned hosts."""

from __future__ import annotations

import pytest

from steward_runtime.tools.connector import HostRefused, check_address_is_usable, open_session
from steward_runtime.tools.routes import Endpoint
from steward_tool_server import Behaviour, ToolServer


async def test_reaches_an_allowed_endpoint() -> None:
    """A host of the Blueprint is contacted."""
    with ToolServer() as server:
        allowed = [Endpoint("127.0.0.1", server.port)]
        async with open_session(allowed) as session, session.get(server.url) as response:
            assert response.status == 200


async def test_refuses_another_host_and_another_port() -> None:
    """Neither an unknown host nor another port of a known one is contacted."""
    with ToolServer() as server:
        async with open_session([Endpoint("127.0.0.1", server.port + 1)]) as session:
            with pytest.raises(HostRefused, match=f"127.0.0.1:{server.port}"):
                await session.get(server.url)
        assert server.called == []


async def test_refuses_to_follow_a_redirect_to_another_host() -> None:
    """A redirect is a request like any other: its host must be allowed."""
    with ToolServer() as other:
        moved = Behaviour(status=302, headers={"Location": f"{other.url}/stolen"})
        with ToolServer({"/": moved}) as server:
            async with open_session([Endpoint("127.0.0.1", server.port)]) as session:
                with pytest.raises(HostRefused):
                    await session.get(server.url, allow_redirects=True)
        assert other.called == []


async def test_refuses_a_name_that_is_not_allowed_before_looking_it_up() -> None:
    """No name of a stranger reaches the resolver."""
    async with open_session([]) as session:
        with pytest.raises(HostRefused, match=r"intranet\.example:80"):
            await session.get("http://intranet.example/")


@pytest.mark.parametrize(
    ("address", "is_usable"),
    [
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("224.0.0.1", False),
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("models.example.com", True),
    ],
)
def test_knows_addresses_where_no_tool_lives(address: str, is_usable: bool) -> None:
    """Link-local, multicast and unspecified addresses are never contacted."""
    assert check_address_is_usable(address) is is_usable


async def test_refuses_a_link_local_address_even_if_it_is_allowed() -> None:
    """A Blueprint cannot open the way to a metadata service."""
    async with open_session([Endpoint("169.254.169.254", 80)]) as session:
        with pytest.raises(HostRefused):
            await session.get("http://169.254.169.254/")
