"""Where a Blueprint's runtime must be able to connect, and how exactly a policy can say it."""

from __future__ import annotations

import ipaddress
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


def _port_of(parts: SplitResult) -> int:
    try:
        declared = parts.port
    except ValueError:  # out of range
        return 0
    return DEFAULT_PORTS.get(parts.scheme, 0) if declared is None else declared


def gather_model_urls(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the base URLs of models and embedder; a Local model has none."""
    embedder = blueprint.memory.embedder if blueprint.memory else None
    models = (*blueprint.models, embedder) if embedder else blueprint.models
    return tuple(model.base_url for model in models if model.base_url)


def gather_tool_urls(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the URLs of tools."""
    return tuple(tool.url for tool in blueprint.tools)


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        # `999.1.1.1` and `1.2` would be looked up as names and lead nowhere.
        if host.replace(".", "").isdigit():
            raise ValueError("the host of the URL is not an IPv4 address") from None
        return False
    return True
