"""What is left of an accepted spec under today's bounds: narrowed where possible, else denied."""

from __future__ import annotations

from collections.abc import Iterator

from steward_api.blueprint import Blueprint
from steward_api.conditions import Problem
from steward_api.v1alpha1 import Assistant, ClusterAssistantPolicy
from steward_operator.children.context import Guests
from steward_operator.children.destinations import (
    Destination,
    gather_model_urls,
    gather_tool_urls,
    parse_destination,
)
from steward_operator.plan.bounds import (
    Bounds,
    build_host_problem,
    check_bounds,
    check_deletion,
    check_windows,
    guest_networks,
    is_guest_allowed,
    model_hosts,
    pair_windows,
    tool_hosts,
)
from steward_operator.plan.patterns import is_host_in, is_network, is_network_in


def check_served(assistant: Assistant, blueprint: Blueprint, bounds: Bounds) -> tuple[Problem, ...]:
    """Return why an accepted Blueprint may take no new work any more.

    Peers and zones are left out: what a policy no longer allows of them is not served at all.
    """
    if bounds.unknown:
        return check_bounds(assistant, bounds)
    namespace = assistant.metadata.namespace
    return tuple(
        problem
        for policy in bounds.policies
        for problem in (
            *_check_hosts(blueprint, policy, namespace),
            *check_windows(blueprint.retention.windows, policy),
            *check_deletion(assistant, policy),
        )
    )


def is_purging_held(blueprint: Blueprint, bounds: Bounds) -> bool:
    """Say whether a window of a Blueprint is shorter than a policy asks for.

    What is deleted too early cannot be brought back, so that nothing is purged until it is mended.
    """
    return any(
        bound.min_keep_seconds is not None and window.keep_seconds < bound.min_keep_seconds
        for policy in bounds.policies
        for window, bound in pair_windows(blueprint.retention.windows, policy)
    )


def resolve_destinations(
    blueprint: Blueprint, bounds: Bounds, namespace: str
) -> tuple[Destination, ...]:
    """Return the destinations of models, embedder and tools that the bounds allow, sorted."""
    if bounds.unknown:
        return ()
    urls = (
        (gather_model_urls(blueprint), [model_hosts(each) for each in bounds.policies]),
        (gather_tool_urls(blueprint), [tool_hosts(each) for each in bounds.policies]),
    )
    return tuple(
        sorted(
            {
                destination
                for found, allowed in urls
                for destination in (parse_destination(url, namespace) for url in found)
                if all(is_host_in(destination, hosts) for hosts in allowed)
            }
        )
    )


def resolve_zones(assistant: Assistant, bounds: Bounds) -> tuple[tuple[str, ...], ...]:
    """Return sets of zones of which every one must hold for a Pod; none where any zone will do.

    Where the sets have zones in common, that is one set. Where they have none, all of them are
    returned, so that the scheduler finds no place.
    """
    allowed = (policy.spec.residency for policy in bounds.policies)
    sets = [frozenset(bound.allowed_zones) for bound in allowed if bound is not None]
    if assistant.spec.residency is not None:
        sets.append(frozenset(assistant.spec.residency.zones))
    if not sets:
        return ()
    common = frozenset.intersection(*sets)
    chosen = {common} if common else set(sets)
    return tuple(sorted(tuple(sorted(zones)) for zones in chosen))


def resolve_guests(assistant: Assistant, bounds: Bounds) -> Guests | None:
    """Return the declared guests that the bounds allow; None where nobody was declared."""
    exposure, own = assistant.spec.exposure, assistant.metadata.namespace
    if not exposure.allowed_from and not exposure.allowed_cidrs:
        return None
    pods = sorted(exposure.allowed_from, key=lambda peer: peer.namespace)
    if bounds.unknown:
        return Guests(tuple(peer for peer in pods if peer.namespace == own))
    return Guests(
        tuple(
            peer
            for peer in pods
            if all(is_guest_allowed(peer.namespace, own, each) for each in bounds.policies)
        ),
        tuple(
            cidr
            for cidr in sorted(exposure.allowed_cidrs)
            if is_network(cidr)
            and all(is_network_in(cidr, guest_networks(each)) for each in bounds.policies)
        ),
    )


def _check_hosts(
    blueprint: Blueprint, policy: ClusterAssistantPolicy, namespace: str
) -> Iterator[Problem]:
    for urls, hosts, place in (
        (gather_model_urls(blueprint), model_hosts(policy), "models"),
        (gather_tool_urls(blueprint), tool_hosts(policy), "tools"),
    ):
        for url in urls:
            destination = parse_destination(url, namespace)
            if not is_host_in(destination, hosts):
                yield build_host_problem("spec", policy, destination, place)
