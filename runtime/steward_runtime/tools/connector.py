"""Connections to the hosts of the Blueprint, and to no others.

NetworkPolicy cannot speak of host names (condition `EgressExact`), so the runtime holds the line
itself: every request, redirected or not, passes `PinnedConnector.connect`.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from steward_runtime.errors import StewardError
from steward_runtime.tools.routes import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

CONNECTIONS_PER_HOST: Final = 100
"""More than the default of concurrent tasks (16), so that a place never waits for a socket."""
NAME_CACHE_SECONDS: Final = 10
"""A Service keeps its address; an external host may move it."""


class HostRefused(StewardError):
    """A request would leave for a host that the Blueprint does not name."""

    reason = "HostRefused"
    status = 502


class PinnedResolver(AbstractResolver):
    """Resolves names, and drops addresses where no model or tool lives.

    Link-local addresses are those of cloud metadata services (169.254.169.254, fe80::/10).
    """

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the usable addresses of a host.

        Raises:
            OSError: if it has none.
        """
        found = await self._resolver.resolve(host, port, family)
        usable = [each for each in found if check_address_is_usable(each["host"])]
        if not usable:
            raise OSError(None, f"{host} has no usable address")
        return usable

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()


class PinnedConnector(aiohttp.TCPConnector):
    """Opens connections to given endpoints only."""

    def __init__(self, allowed: Iterable[Endpoint], *, reuse: bool = True) -> None:
        """Take the endpoints of the Blueprint; without `reuse` every call has its own connection.

        A reused connection may be closed by the other side just when a request is sent, and then
        nobody knows whether it arrived; calls with an effect do without.
        """
        super().__init__(
            resolver=PinnedResolver(),
            limit=0,
            limit_per_host=CONNECTIONS_PER_HOST,
            ttl_dns_cache=NAME_CACHE_SECONDS,
            force_close=not reuse,
        )
        self._allowed = frozenset(
            (endpoint.host, endpoint.port)
            for endpoint in allowed
            if check_address_is_usable(endpoint.host)
        )

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """Connect if the endpoint is allowed.

        Raises:
            HostRefused: if it is not.
        """
        wanted = ((req.url.host or "").lower(), req.url.port or 0)
        if wanted not in self._allowed:
            raise HostRefused(
                f"The request to {Endpoint(*wanted)} was not sent: the Blueprint names no such "
                "host. "
                "Name it in the Tool's or Model's URL, and check whether a redirect led there."
            )
        return await super().connect(req, traces, timeout)


def check_address_is_usable(host: str) -> bool:
    """Say whether an address may be contacted; names are judged after they are resolved."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


def open_session(
    allowed: Iterable[Endpoint], *, reuse: bool = True, is_proxied: bool = False
) -> aiohttp.ClientSession:
    """Return a session that reaches the given endpoints only, without cookies.

    With `is_proxied` requests go through the proxy that the environment names, if it names one.
    """
    return aiohttp.ClientSession(
        connector=PinnedConnector(allowed, reuse=reuse),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        trust_env=is_proxied,
        timeout=aiohttp.ClientTimeout(total=None),
        skip_auto_headers=("User-Agent",),
    )
