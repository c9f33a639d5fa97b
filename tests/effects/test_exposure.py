"""Who gets in: real packets through the rules that the plan's NetworkPolicies compile to.

The rules are those of the enforcer of the real node; the connections are the kernel's.
"""

from __future__ import annotations

from typing import Any

import pytest

from steward_effects import assistant_set, plan_blueprint
from steward_effects.reach import find_guests
from steward_kinds.objects import Manifest, build_object
from steward_wires import WiresError


def guests(exposure: dict[str, Any], **bounds: Any) -> set[str]:
    """Return who gets in to an assistant that was accepted before the bounds came."""
    manifests = assistant_set(exposure=exposure)
    accepted = plan_blueprint(*manifests)
    policies: list[Manifest] = []
    if bounds:
        policies = [build_object("ClusterAssistantPolicy", "platform", exposure=bounds)]
    try:
        return find_guests(*manifests, *policies, last=accepted)
    except WiresError as error:
        pytest.skip(f"this machine makes no networks: {error}")


def from_pods(namespace: str, **labels: str) -> Manifest:
    """Return Pods of a namespace that are let in."""
    return {
        "namespace": namespace,
        "podLabels": [{"key": key, "value": value} for key, value in labels.items()],
    }


def test_only_the_own_namespace_gets_in_where_nobody_is_named() -> None:
    """A new assistant is there for its team and for nobody else."""
    assert guests({}) == {"colleague"}


def test_allowed_from_lets_a_namespace_in() -> None:
    """The namespace that is named gets in, and the own one does not any more."""
    assert guests({"allowedFrom": [from_pods("web")]}) == {"web-front", "web-back"}


def test_pod_labels_let_in_who_carries_them() -> None:
    """Of the namespace only the Pods with key and value get in."""
    assert guests({"allowedFrom": [from_pods("web", tier="front")]}) == {"web-front"}
    assert guests({"allowedFrom": [from_pods("web", tier="front", app="bank")]}) == set()


def test_allowed_cidrs_let_a_network_in() -> None:
    """A network outside the cluster gets in, its neighbour does not."""
    assert guests({"allowedCidrs": ["10.20.0.0/16"]}) == {"office"}


def test_a_policy_bounds_the_namespaces_that_are_let_in() -> None:
    """What the platform team does not allow stays out, though the Assistant names it."""
    exposure = {"allowedFrom": [from_pods("web"), from_pods("app"), from_pods("default")]}
    assert guests(exposure, allowedNamespaces=["ap*"]) == {"app-front", "colleague"}


def test_a_policy_bounds_the_networks_that_are_let_in() -> None:
    """A network must lie within one that the platform team allows."""
    exposure = {"allowedCidrs": ["10.20.0.0/16", "10.21.0.0/16"]}
    assert guests(exposure, allowedCidrs=["10.21.0.0/16"]) == {"street"}
