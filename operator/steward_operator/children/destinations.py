"""Where a Blueprint's runtime must be able to connect, and how exactly a policy can say it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from steward_api.blueprint import Blueprint

DEFAULT_PORTS = {"http": 80, "https": 443}
PORT_MAX = 65_535
CLUSTER_SUFFIX_LABELS = ("svc",)


class Reach(StrEnum):
    """What a NetworkPolicy can say about a destination."""

    SERVICE = "Service"
    """A Service of the cluster: by namespace and port."""
    ADDRESS = "Address"
    """An IP address: exactly."""
    HOSTNAME = "Hostname"
    """A name outside the cluster: not at all, so public ranges on the port."""


@dataclass(frozen=True, slots=True, order=True)
class Destination:
    """One declared host and port."""

    reach: Reach
    host: str
    port: int
    namespace: str = ""
    """Namespace of a Service."""

    @property
    def text(self) -> str:
        """`host:port`, as shown in conditions."""
        return f"{self.host}:{self.port}"


def parse_destination(url: str, namespace: str) -> Destination:
    """Read host and port of an absolute URL; `namespace` is where a bare Service name lives.

    `x` is a Service of the own namespace, `x.ns.svc` and `x.ns.svc.<domain>` of another one.
    `x.ns` cannot be told from a public name and counts as one.

    Raises:
        ValueError: if the URL has no host or no port between 1 and 65535.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = _port_of(parts)
    if not host or not 0 < port <= PORT_MAX:
        raise ValueError("the URL needs a host, and a port between 1 and 65535")
    if _is_address(host):
        return Destination(Reach.ADDRESS, host, port)
    labels = host.split(".")
    if not all(labels):
        raise ValueError("the host of the URL has an empty label")
    if len(labels) == 1:
        return Destination(Reach.SERVICE, host, port, namespace)
    if len(labels) >= 3 and labels[2] in CLUSTER_SUFFIX_LABELS:
        return Destination(Reach.SERVICE, host, port, labels[1])
    return Destination(Reach.HOSTNAME, host, port)


def resolve_destinations(blueprint: Blueprint, namespace: str) -> tuple[Destination, ...]:
    """Return the destinations of models, embedder and tools, sorted and each once."""
    return tuple(sorted({parse_destination(url, namespace) for url in _urls(blueprint)}))


def _port_of(parts: SplitResult) -> int:
    try:
        declared = parts.port
    except ValueError:  # out of range
        return 0
    return DEFAULT_PORTS.get(parts.scheme, 0) if declared is None else declared


def _urls(blueprint: Blueprint) -> Iterator[str]:
    for model in blueprint.models:
        if model.base_url:
            yield model.base_url
    if blueprint.memory and blueprint.memory.embedder and blueprint.memory.embedder.base_url:
        yield blueprint.memory.embedder.base_url
    for tool in blueprint.tools:
        yield tool.url


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        # `999.1.1.1` and `1.2` would be looked up as names and lead nowhere.
        if host.replace(".", "").isdigit():
            raise ValueError("the host of the URL is not an IPv4 address") from None
        return False
    return True
