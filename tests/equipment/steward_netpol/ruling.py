"""The nftables matches of one ingress or egress rule (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from steward_netpol.selecting import (
    Address,
    Manifest,
    Network,
    Peers,
    Pod,
    World,
    resolve_everybody,
    resolve_peers,
)

FAMILIES = (("ip", 4), ("ip6", 6))
ALL_PORTS = (0, 65_535)

Range = tuple[int, int]
NamedTarget = tuple[Address, str, int]


@dataclass(slots=True)
class Ports:
    """What the entry `ports` of a rule says.

    Attributes:
        ranges: Port ranges by protocol.
        targets: Address, protocol and port, where a named port differs from Pod to Pod.
    """

    ranges: dict[str, set[Range]] = field(default_factory=dict)
    targets: set[NamedTarget] = field(default_factory=set)


def build_matches(rule: Manifest, pod: Pod, world: World, *, is_ingress: bool) -> Iterator[str]:
    """Yields the matches of one rule for one selected Pod; what matches any of them is allowed."""
    peers = rule.get("from" if is_ingress else "to") or ()
    who = resolve_peers(peers, pod.namespace, world) if peers else resolve_everybody(world)
    # A rule whose peers are nobody allows nothing; one that names no peers allows anybody.
    where = build_address_matches(who.networks, is_ingress=is_ingress) if peers else ("",)
    if not rule.get("ports"):
        yield from where
        return
    ports = resolve_ports(rule["ports"], pod, who, is_ingress=is_ingress)
    for protocol, ranges in sorted(ports.ranges.items()):
        if ranges:
            members = render_ranges(merge_ranges(ranges))
            for match in where:
                yield f"{match} {protocol.lower()} dport {{ {members} }}".strip()
    yield from build_target_matches(ports.targets)


def build_address_matches(networks: Iterable[Network], *, is_ingress: bool) -> tuple[str, ...]:
    """Answers one match per address family; overlaps are collapsed, since a set refuses them."""
    direction = "saddr" if is_ingress else "daddr"
    four = [item for item in networks if isinstance(item, ipaddress.IPv4Network)]
    six = [item for item in networks if isinstance(item, ipaddress.IPv6Network)]
    members = {
        "ip": ", ".join(map(str, ipaddress.collapse_addresses(four))),
        "ip6": ", ".join(map(str, ipaddress.collapse_addresses(six))),
    }
    return tuple(f"{family} {direction} {{ {text} }}" for family, text in members.items() if text)


def resolve_ports(ports: Iterable[Manifest], pod: Pod, peers: Peers, *, is_ingress: bool) -> Ports:
    """Reads the entry `ports`; a name is a port of the Pod that is connected to."""
    found = Ports()
    for entry in ports:
        protocol, port = entry.get("protocol") or "TCP", entry.get("port")
        ranges = found.ranges.setdefault(protocol, set())
        if port is None:
            ranges.add(ALL_PORTS)
        elif isinstance(port, int):
            ranges.add((port, entry.get("endPort") or port))
        elif is_ingress:
            ranges.update((number, number) for number in pod.ports_named(port, protocol))
        else:
            found.targets |= resolve_named_targets(port, protocol, peers)
    return found


def resolve_named_targets(name: str, protocol: str, peers: Peers) -> set[NamedTarget]:
    """Looks a named port up in each Pod that is connected to."""
    return {
        (address, protocol.lower(), number)
        for pod, addresses in peers.pods
        for number in pod.ports_named(name, protocol)
        for address in addresses
    }


def merge_ranges(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Joins ranges that touch or overlap, since a set refuses overlaps."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def render_ranges(ranges: Iterable[Range]) -> str:
    """Answers the members of a set of ports."""
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def build_target_matches(targets: Iterable[NamedTarget]) -> Iterator[str]:
    """Yields one match per address family for address-and-port pairs."""
    for family, version in FAMILIES:
        members = sorted(
            f"{address} . {protocol} . {number}"
            for address, protocol, number in targets
            if address.version == version
        )
        if members:
            yield f"{family} daddr . meta l4proto . th dport {{ {', '.join(members)} }}"
