"""From a URL in the Blueprint to where its request goes (pure).

In a cluster both are the same. On a laptop `bindings.json` moves a logical host to a loopback
address: the request goes there in the clear, and still names the logical host in its header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host in lower case and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write `host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests for one URL of the Blueprint go.

    Attributes:
        url: what is requested; a path template is untouched.
        host_header: header `Host` where it differs from the URL's, else None.
        logical: endpoint that the Blueprint names; credentials are bound to it.
        actual: endpoint that is contacted, and the only one that may be.
    """

    url: str
    host_header: str | None
    logical: Endpoint
    actual: Endpoint


def parse_endpoint(url: str) -> Endpoint:
    """Return host and port of an absolute http or https URL."""
    parts = urlsplit(url)
    return Endpoint((parts.hostname or "").lower(), parts.port or DEFAULT_PORTS[parts.scheme])


def resolve_route(url: str, bindings: Mapping[str, str]) -> Route:
    """Apply the bindings of this machine, keyed by `host:port` or by host, to a URL."""
    parts = urlsplit(url)
    logical = parse_endpoint(url)
    bound = bindings.get(str(logical)) or bindings.get(logical.host)
    if bound is None:
        return Route(url, None, logical, logical)
    address = f"http://{bound}"
    moved = urlunsplit(("http", bound, parts.path, "", ""))
    return Route(moved, parts.netloc, logical, parse_endpoint(address))
