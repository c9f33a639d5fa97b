"""How bounds are written: namespaces, hosts and networks, and what each of them names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from steward_operator.children.destinations import Destination

ANY: Final = "*"
SUBDOMAINS: Final = "*."


def is_namespace_in(patterns: Iterable[str], namespace: str) -> bool:
    """Say whether one of the patterns names a namespace; `*` stands for any characters."""
    return any(_matches(pattern, namespace) for pattern in patterns)


def is_host_in(destination: Destination, hosts: Iterable[str] | None) -> bool:
    """Say whether a host is among those allowed; None allows any, a leading `*.` its children."""
    if hosts is None:
        return True
    host = render_host(destination)
    return any(
        host.endswith(pattern[1:]) if pattern.startswith(SUBDOMAINS) else host == pattern
        for pattern in hosts
    )


def render_host(destination: Destination) -> str:
    """Return a host as policies write it: a Service always as `name.namespace.svc`."""
    if not destination.namespace:
        return destination.host
    return f"{destination.host.partition('.')[0]}.{destination.namespace}.svc"


def is_network_in(network: str, allowed: Iterable[str] | None) -> bool:
    """Say whether a network lies within one that is allowed; None allows any."""
    return allowed is None or any(_is_within(network, whole) for whole in allowed)


def is_network(text: str) -> bool:
    """Say whether a text is an IPv4 or IPv6 network without host bits."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _matches(pattern: str, text: str) -> bool:
    """Match without backtracking: each part is taken at its first place after the last."""
    first, *rest = pattern.split(ANY)
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(text) - position >= len(last) and text.endswith(last)


def _is_within(inner: str, outer: str) -> bool:
    try:
        part, whole = (ipaddress.ip_network(text, strict=False) for text in (inner, outer))
    except ValueError:
        return False
    if isinstance(part, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network):
        return part.subnet_of(whole)
    if isinstance(part, ipaddress.IPv6Network) and isinstance(whole, ipaddress.IPv6Network):
        return part.subnet_of(whole)
    return False
