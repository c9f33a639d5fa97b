"""Selectors of NetworkPolicies mean what the API says they mean."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from steward_netpol.selecting import World, build_world, check_selected, cut, resolve_peers

Manifest = dict[str, Any]


def build_pod(name: str, address: str, namespace: str = "y", **more: Any) -> Manifest:
    """A running Pod with one address and a label of its name."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"pod": name},
            "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z"),
        },
        "spec": {"containers": [], "hostNetwork": more.get("host", False)},
        "status": {"phase": more.get("phase", "Running"), "podIPs": [{"ip": address}]},
    }


def build_namespaces(*names: str) -> list[Manifest]:
    """Namespaces with a label of their name."""
    return [{"metadata": {"name": name, "labels": {"ns": name}}} for name in names]


@pytest.fixture
def world() -> World:
    """Two namespaces with two Pods each."""
    pods = [
        build_pod("a", "10.0.0.1"),
        build_pod("b", "10.0.0.2"),
        build_pod("a", "10.0.0.3", "z"),
        build_pod("b", "10.0.0.4", "z"),
    ]
    return build_world(pods, build_namespaces("y", "z"), [])


@pytest.mark.parametrize(
    ("operator", "values", "is_selected"),
    [
        ("In", ["1"], True),
        ("In", ["2"], False),
        ("NotIn", ["2"], True),
        ("NotIn", ["1"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_expressions_read_the_label_that_is_there(
    operator: str, values: list[str], is_selected: bool
) -> None:
    """Each operator on a label that exists."""
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert check_selected(selector, {"k": "1"}) is is_selected


@pytest.mark.parametrize(
    ("operator", "is_selected"),
    [("In", False), ("NotIn", True), ("Exists", False), ("DoesNotExist", True)],
)
def test_expressions_know_a_label_that_is_not_there(operator: str, is_selected: bool) -> None:
    """A missing label is in no list, so `NotIn` holds."""
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": ["1"]}]}
    assert check_selected(selector, {}) is is_selected


def test_an_unknown_operator_is_refused() -> None:
    """Better no table than a wrong one."""
    selector = {"matchExpressions": [{"key": "k", "operator": "Like"}]}
    with pytest.raises(ValueError, match="no operator Like"):
        check_selected(selector, {})


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"podSelector": {}}, {"y/a", "y/b"}),
        ({"podSelector": {"matchLabels": {"pod": "a"}}}, {"y/a"}),
        ({"namespaceSelector": {}}, {"y/a", "y/b", "z/a", "z/b"}),
        ({"namespaceSelector": {"matchLabels": {"ns": "z"}}}, {"z/a", "z/b"}),
        (
            {
                "namespaceSelector": {"matchLabels": {"ns": "z"}},
                "podSelector": {"matchLabels": {"pod": "b"}},
            },
            {"z/b"},
        ),
        ({"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.2/32"]}}, {"y/a", "z/a"}),
    ],
)
def test_peers_are_those_whom_the_entry_means(
    world: World, peer: Manifest, expected: set[str]
) -> None:
    """Pods alone: the own namespace; namespaces alone: all their Pods; both: and, not or."""
    assert {pod.key for pod, _ in resolve_peers([peer], "y", world).pods} == expected


def test_a_finished_pod_owns_no_address() -> None:
    """Its status still names the address, which somebody else may have by now."""
    world = build_world([build_pod("a", "10.0.0.1", phase="Succeeded")], [], [])
    assert world.pods == ()


def test_a_pod_on_the_hosts_network_owns_no_address() -> None:
    """It has the node's."""
    assert build_world([build_pod("a", "10.0.0.1", host=True)], [], []).pods == ()


def test_the_newest_pod_owns_an_address() -> None:
    """An address is given out again while the old Pod is still listed."""
    old = build_pod("old", "10.0.0.1", created="2026-01-01T00:00:00Z")
    new = build_pod("new", "10.0.0.1", created="2026-01-01T00:00:01Z")
    assert [pod.name for pod in build_world([new, old], [], []).pods] == ["new"]


@pytest.mark.parametrize(
    ("network", "hole", "left"),
    [
        ("10.0.0.0/30", "10.0.0.0/31", {"10.0.0.2/31"}),
        ("10.0.0.0/31", "10.0.0.0/30", set()),
        ("10.0.0.0/31", "10.0.0.4/30", {"10.0.0.0/31"}),
        ("10.0.0.0/31", "fc00::/7", {"10.0.0.0/31"}),
        ("fc00::/7", "fd00::/8", {"fc00::/8"}),
    ],
)
def test_a_hole_is_cut_out_of_a_network(network: str, hole: str, left: set[str]) -> None:
    """Inside, around, beside, and of the other address family."""
    pieces = cut(ipaddress.ip_network(network), ipaddress.ip_network(hole))
    assert {str(piece) for piece in pieces} == left
