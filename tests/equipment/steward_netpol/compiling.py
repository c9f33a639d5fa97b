"""Compiles Pods, namespaces and policies into one nftables table (pure).

Per isolated Pod and direction there is one chain: a rule per allowed match that ends in `return`,
and a last one that drops. The chains hang on the hooks `forward` (Pod to Pod, Pod to elsewhere)
and `input` (Pod to its node). `output` is not hooked: the node may always reach its Pods, so that
probes work.

Only replies ride on connection tracking. Packets of the original direction are judged each time,
so a new policy also cuts open connections. An address of the Pods' range that no known Pod has
may not talk at all: else a new Pod would talk before its rules are loaded.

The whole text is one transaction: the old table goes and the new one comes at one moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from steward_netpol.ruling import FAMILIES, build_matches
from steward_netpol.selecting import Address, Manifest, Pod, World, check_selected, key_of

COMMENT_LENGTH = 110
"""nftables takes 128 characters; what stands before the key needs some."""
HOOK = "type filter hook {hook} priority filter; policy accept;"
# Neighbour discovery: router and neighbour messages, without which IPv6 finds nobody.
REPLIES = (
    "ct state related accept",
    "ct state established ct direction reply accept",
    "icmpv6 type { 133-137 } accept",
)
DENIALS = {False: "counter drop", True: "counter reject with icmpx admin-prohibited"}


@dataclass(frozen=True, slots=True)
class Options:
    """How to enforce.

    Attributes:
        table: Name of the nftables table.
        pod_ranges: Ranges in which an unknown address may not talk.
        is_rejecting: Whether refused packets are answered; probes that are refused then end at
            once, where a dropped one waits for its timeout.
        is_node_open: Whether a Pod may always reach its own node, as the API documents it.
    """

    table: str = "steward_netpol"
    pod_ranges: tuple[str, ...] = ()
    is_rejecting: bool = False
    is_node_open: bool = False


@dataclass(frozen=True, slots=True)
class Direction:
    """One of the two directions of a policy."""

    letter: str
    policy_type: str
    entry: str

    @property
    def is_ingress(self) -> bool:
        """Whether it is about what enters the Pod."""
        return self.entry == "ingress"


INGRESS = Direction("i", "Ingress", "ingress")
EGRESS = Direction("e", "Egress", "egress")


@dataclass(frozen=True, slots=True)
class Chain:
    """A named chain and its lines."""

    name: str
    lines: tuple[str, ...]


def compile_table(world: World, options: Options) -> str:
    """Answers the text for `nft -f -` that replaces the table by the present one."""
    chains: list[Chain] = []
    jumps: dict[str, dict[Address, str]] = {INGRESS.letter: {}, EGRESS.letter: {}}
    for pod in world.pods:
        for direction in (INGRESS, EGRESS):
            chain = build_pod_chain(pod, direction, world, options)
            if chain is not None:
                chains.append(chain)
                jumps[direction.letter].update(dict.fromkeys(pod.addresses, chain.name))
    # A chain must exist before another one jumps to it.
    chains += build_hook_chains(world, jumps, options)
    return render_table(options.table, chains)


def build_pod_chain(pod: Pod, direction: Direction, world: World, options: Options) -> Chain | None:
    """Builds the chain of one Pod and direction; None where no policy isolates it."""
    policies = [
        policy
        for policy in world.policies
        if policy["metadata"]["namespace"] == pod.namespace
        and check_selected(policy["spec"].get("podSelector") or {}, pod.labels)
        and direction.policy_type in gather_types(policy)
    ]
    if not policies:
        return None
    lines = [
        f'{match} return comment "{key_of(policy)[:COMMENT_LENGTH]}"'.strip()
        for policy in policies
        for rule in policy["spec"].get(direction.entry) or ()
        for match in build_matches(rule, pod, world, is_ingress=direction.is_ingress)
    ]
    denial = DENIALS[options.is_rejecting]
    lines.append(f'{denial} comment "{direction.policy_type} {pod.key[:COMMENT_LENGTH]}"')
    digest = hashlib.sha256(pod.key.encode()).hexdigest()[:12]
    return Chain(f"{direction.letter}_{digest}", tuple(lines))


def gather_types(policy: Manifest) -> tuple[str, ...]:
    """Answers the directions of a policy; without `policyTypes` ingress, and egress if named."""
    declared = policy["spec"].get("policyTypes")
    if declared:
        return tuple(declared)
    return ("Ingress", "Egress") if "egress" in policy["spec"] else ("Ingress",)


def build_hook_chains(
    world: World, jumps: Mapping[str, Mapping[Address, str]], options: Options
) -> tuple[Chain, Chain]:
    """Builds the chains on the two hooks."""
    addresses = tuple(address for pod in world.pods for address in pod.addresses)
    leaving = (
        *build_unknown_lines("saddr", addresses, options),
        *build_jump_lines("saddr", jumps[EGRESS.letter]),
    )
    entering = (
        *build_unknown_lines("daddr", addresses, options),
        *build_jump_lines("daddr", jumps[INGRESS.letter]),
    )
    open_node = ("ip daddr != 127.0.0.0/8 fib daddr type local accept",)
    return (
        Chain(
            "forward",
            (
                HOOK.format(hook="forward"),
                *REPLIES,
                *build_own_lines(addresses),
                *leaving,
                *entering,
            ),
        ),
        Chain(
            "input",
            (
                HOOK.format(hook="input"),
                'iifname "lo" accept',
                *REPLIES,
                *(open_node if options.is_node_open else ()),
                *leaving,
            ),
        ),
    )


def build_unknown_lines(
    side: str, addresses: Iterable[Address], options: Options
) -> tuple[str, ...]:
    """Answers the lines that silence addresses of the Pods' ranges that no known Pod has."""
    members = join_by_family((address, str(address)) for address in addresses)
    lines = []
    for pod_range in options.pod_ranges:
        family = "ip6" if ":" in pod_range else "ip"
        known = f" {family} {side} != {{ {members[family]} }}" if members[family] else ""
        comment = f'comment "{side} is no known Pod"'
        lines.append(f"{family} {side} {pod_range}{known} counter drop {comment}")
    return tuple(lines)


def build_jump_lines(side: str, jumps: Mapping[Address, str]) -> tuple[str, ...]:
    """Answers one line per address family that leads each Pod's packets to its chain."""
    members = join_by_family(
        (address, f"{address} : jump {chain}") for address, chain in jumps.items()
    )
    return tuple(f"{family} {side} vmap {{ {text} }}" for family, text in members.items() if text)


def build_own_lines(addresses: Iterable[Address]) -> tuple[str, ...]:
    """Answers the lines that let a Pod reach itself, which no policy forbids."""
    members = join_by_family((address, f"{address} . {address}") for address in addresses)
    return tuple(
        f"{family} saddr . {family} daddr {{ {text} }} accept"
        for family, text in members.items()
        if text
    )


def join_by_family(members: Iterable[tuple[Address, str]]) -> dict[str, str]:
    """Joins the texts of each address family by commas."""
    listed = tuple(members)
    return {
        family: ", ".join(text for address, text in listed if address.version == version)
        for family, version in FAMILIES
    }


def render_table(table: str, chains: Iterable[Chain]) -> str:
    """Answers the transaction: make sure that the table is there, drop it, make it anew."""
    lines = [f"add table inet {table}", f"delete table inet {table}", f"table inet {table} {{"]
    for chain in chains:
        lines += [f"  chain {chain.name} {{", *(f"    {line}" for line in chain.lines), "  }"]
    return "\n".join([*lines, "}", ""])
