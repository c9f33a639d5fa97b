"""Bounds of the platform team: which policies govern a namespace, and who goes beyond them.

Each policy is judged by itself and every one must hold, so a further policy can only narrow.
What cannot be read bounds everything: nothing is allowed until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from steward_api.conditions import Problem
from steward_api.meta import DataClass
from steward_api.reasons import Reason
from steward_api.v1alpha1 import (
    Assistant,
    ClusterAssistantPolicy,
    Model,
    RetentionPolicy,
    Tool,
)
from steward_api.v1alpha1.cluster_assistant_policy import WindowBounds
from steward_operator.children.destinations import Destination, parse_destination
from steward_operator.plan.patterns import (
    is_host_in,
    is_namespace_in,
    is_network_in,
    render_host,
)

KIND: Final = ClusterAssistantPolicy.NAMES.kind
ASK: Final = "or ask the platform team to widen it"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds in one namespace."""

    policies: tuple[ClusterAssistantPolicy, ...] = ()
    """The policies that govern it, sorted by name."""
    unknown: str = ""
    """Why the bounds cannot be known, as a sentence; empty where they are."""


UNBOUNDED: Final = Bounds()
"""No policy governs: for files without one, and for tests."""


def select_bounds(
    policies: Iterable[ClusterAssistantPolicy], namespace: str, unknown: str = ""
) -> Bounds:
    """Return what holds in a namespace."""
    found = (policy for policy in policies if is_governed(policy.spec.namespaces, namespace))
    return Bounds(tuple(sorted(found, key=lambda policy: policy.metadata.name)), unknown)


def is_governed(patterns: Iterable[str], namespace: str) -> bool:
    """Say whether patterns of namespaces name this one; no pattern at all names every one."""
    known = tuple(patterns)
    return not known or is_namespace_in(known, namespace)


def check_bounds(object_: Any, bounds: Bounds) -> tuple[Problem, ...]:
    """Return where an object of ours goes beyond the bounds of its namespace."""
    check = _CHECKS.get(type(object_))
    if check is None:
        return ()
    if bounds.unknown:
        return (Problem("spec", Reason.CLUSTER_POLICY_UNREADABLE, bounds.unknown),)
    return tuple(problem for policy in bounds.policies for problem in check(object_, policy))


def _check_model(model: Model, policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    endpoint = model.spec.open_ai
    if endpoint is None:
        return ()  # a Local model is on no host
    destination = _parse(endpoint.base_url, model.metadata.namespace)
    if destination is None or is_host_in(destination, model_hosts(policy)):
        return ()
    return (build_host_problem("spec.openAI.baseUrl", policy, destination, "models"),)


def _check_tool(tool: Tool, policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    endpoint = tool.spec.http
    destination = _parse(endpoint.url, tool.metadata.namespace) if endpoint else None
    if destination is None or is_host_in(destination, tool_hosts(policy)):
        return ()
    return (build_host_problem("spec.http.url", policy, destination, "tools"),)


def build_host_problem(
    field: str, policy: ClusterAssistantPolicy, destination: Destination, place: str
) -> Problem:
    """Return the problem of a host that `spec.<place>.allowedHosts` of a policy leaves out."""
    problem = f"host {render_host(destination)} is not in spec.{place}.allowedHosts"
    return _build_problem(field, policy, problem, f"use a host that is, {ASK}")


def _parse(url: str, namespace: str) -> Destination | None:
    """Return where a URL leads; None where the object's own check refuses it."""
    try:
        return parse_destination(url, namespace)
    except ValueError:
        return None


def _check_retention(
    retention: RetentionPolicy, policy: ClusterAssistantPolicy
) -> tuple[Problem, ...]:
    return check_windows(retention.spec.windows, policy)


def check_windows(windows: Iterable[Any], policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    """Return which windows, of a RetentionPolicy or of a Blueprint, are too short or too long."""
    problems = []
    for window, bound in pair_windows(windows, policy):
        field = f"spec.windows[{bound.data_class}].keepSeconds"
        place = f"spec.retention.windows[{bound.data_class}]"
        least, greatest = bound.min_keep_seconds, bound.max_keep_seconds
        if least is not None and window.keep_seconds < least:
            problem = f"must be at least {least} ({place}.minKeepSeconds)"
            problems.append(_build_problem(field, policy, problem, f"keep it longer, {ASK}"))
        if greatest is not None and window.keep_seconds > greatest:
            problem = f"must be at most {greatest} ({place}.maxKeepSeconds)"
            problems.append(_build_problem(field, policy, problem, f"keep it shorter, {ASK}"))
    return tuple(problems)


def _check_assistant(assistant: Assistant, policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    return (
        *check_deletion(assistant, policy),
        *_check_zones(assistant, policy),
        *_check_guests(assistant, policy),
    )


def check_deletion(assistant: Assistant, policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    """Return whether an Assistant lacks the deletionPolicy that is required."""
    wanted = policy.spec.required_deletion_policy
    if wanted is None or assistant.spec.deletion_policy is wanted:
        return ()
    problem = f"must be {wanted} (spec.requiredDeletionPolicy)"
    return (_build_problem("spec.deletionPolicy", policy, problem, f"set it, {ASK}"),)


def _check_zones(assistant: Assistant, policy: ClusterAssistantPolicy) -> tuple[Problem, ...]:
    residency, bound = assistant.spec.residency, policy.spec.residency
    if residency is None or bound is None:
        return ()
    beyond = sorted(set(residency.zones) - set(bound.allowed_zones))
    if not beyond:
        return ()
    problem = f"{', '.join(beyond)} not in spec.residency.allowedZones"
    return (_build_problem("spec.residency.zones", policy, problem, f"name allowed zones, {ASK}"),)


def _check_guests(assistant: Assistant, policy: ClusterAssistantPolicy) -> Iterator[Problem]:
    exposure, own = assistant.spec.exposure, assistant.metadata.namespace
    for peer in exposure.allowed_from:
        if not is_guest_allowed(peer.namespace, own, policy):
            field = f"spec.exposure.allowedFrom[{peer.namespace}]"
            problem = "not in spec.exposure.allowedNamespaces"
            yield _build_problem(field, policy, problem, f"remove it, {ASK}")
    for cidr in exposure.allowed_cidrs:
        if not is_network_in(cidr, guest_networks(policy)):
            problem = f"{cidr} is not within spec.exposure.allowedCidrs"
            yield _build_problem("spec.exposure.allowedCidrs", policy, problem, f"remove it, {ASK}")


_CHECKS: Final[dict[type, Callable[[Any, ClusterAssistantPolicy], tuple[Problem, ...]]]] = {
    Assistant: _check_assistant,
    Model: _check_model,
    RetentionPolicy: _check_retention,
    Tool: _check_tool,
}
"""Kinds that can go beyond a bound."""


def pair_windows(
    windows: Iterable[Any], policy: ClusterAssistantPolicy
) -> Iterator[tuple[Any, WindowBounds]]:
    """Yield each window of a policy or a Blueprint with the bound on its class of data."""
    by_class: dict[DataClass, WindowBounds] = {}
    if policy.spec.retention is not None:
        by_class = {bound.data_class: bound for bound in policy.spec.retention.windows}
    for window in windows:
        bound = by_class.get(window.data_class)
        if bound is not None:
            yield window, bound


def is_guest_allowed(namespace: str, own: str, policy: ClusterAssistantPolicy) -> bool:
    """Say whether an Assistant of namespace `own` may let Pods of another one in."""
    allowed = policy.spec.exposure.allowed_namespaces if policy.spec.exposure else None
    return namespace == own or allowed is None or is_namespace_in(allowed, namespace)


def guest_networks(policy: ClusterAssistantPolicy) -> tuple[str, ...] | None:
    """Return the networks that may be let in; None where any will do."""
    return policy.spec.exposure.allowed_cidrs if policy.spec.exposure else None


def model_hosts(policy: ClusterAssistantPolicy) -> tuple[str, ...] | None:
    """Return the hosts that Models may be at; None where any will do."""
    return policy.spec.models.allowed_hosts if policy.spec.models else None


def tool_hosts(policy: ClusterAssistantPolicy) -> tuple[str, ...] | None:
    """Return the hosts that Tools may call; None where any will do."""
    return policy.spec.tools.allowed_hosts if policy.spec.tools else None


def _build_problem(
    field: str, policy: ClusterAssistantPolicy, problem: str, remedy: str
) -> Problem:
    message = f"{problem} of {KIND} {policy.metadata.name}; {remedy}"
    return Problem(field, Reason.BEYOND_CLUSTER_POLICY, message)
