"""NetworkPolicies: default deny both ways, then exactly what the Blueprint declares."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from steward_api.v1alpha1 import Model
from steward_operator.children.destinations import Destination, Reach, parse_destination
from steward_operator.children.network_policy import NOT_PUBLIC_V4, NOT_PUBLIC_V6
from steward_operator.labels import NAMESPACE_NAME
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.bounds import Bounds
from steward_operator.plan.world import World
from steward_plans.objects import (
    blueprint_of,
    make_assistant,
    make_cluster_policy,
    make_model,
    make_tool,
    make_world,
    with_object,
)


def policies(world: World) -> tuple[Manifest, Manifest]:
    """Return the specs of the runtime's and the purge Pods' policy."""
    found = [c["spec"] for c in plan_assistant(world).children if c["kind"] == "NetworkPolicy"]
    return found[0], found[1]


def egress_on(world: World, port: int) -> list[Manifest]:
    """Return the peers that the runtime may reach on a port."""
    return [
        peer
        for rule in policies(world)[0]["egress"]
        if port in [entry["port"] for entry in rule["ports"]]
        for peer in rule["to"]
    ]


def model_at(url: str) -> Model:
    """Return a Model behind a URL."""
    return make_model(openAI={"baseUrl": url})


def test_denies_both_ways_by_default() -> None:
    """Both directions are isolated, and no rule is empty."""
    for policy in policies(make_world()):
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        for rule in [*policy.get("ingress", []), *policy["egress"]]:
            assert rule.get("from") or rule.get("to")
            assert rule["ports"]


def guests(world: World) -> list[list[Manifest]]:
    """Return who may reach the API, a list for each rule."""
    ingress = policies(world)[0]["ingress"]
    return [rule["from"] for rule in ingress if rule["ports"][0]["port"] == 8_080]


def peer_of(namespace: str, **labels: str) -> Manifest:
    """Return a declared peer: Pods of a namespace."""
    wanted = [{"key": key, "value": value} for key, value in labels.items()]
    return {"namespace": namespace, "podLabels": wanted}


def test_chat_is_open_to_the_own_namespace_where_nobody_is_named() -> None:
    """An assistant is reachable for its team from the start."""
    assert guests(make_world()) == [[{"podSelector": {}}]]


def test_chat_is_open_to_whom_the_spec_names_and_to_nobody_else() -> None:
    """The own namespace is in the list or it is not; labels and networks are said exactly."""
    exposure = {
        "allowedFrom": [peer_of("web", tier="front"), peer_of("app")],
        "allowedCidrs": ["10.20.0.0/16"],
    }
    named = [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: n}}} for n in ("app", "web")]
    assert guests(make_world(make_assistant(exposure=exposure))) == [
        [
            named[0],
            {**named[1], "podSelector": {"matchLabels": {"tier": "front"}}},
            {"ipBlock": {"cidr": "10.20.0.0/16"}},
        ]
    ]


def test_a_peer_beyond_a_bound_is_left_out_and_never_everybody_let_in() -> None:
    """Where a policy leaves no peer, there is no rule: an empty one would let all in."""
    bounds = Bounds((make_cluster_policy(exposure={"allowedNamespaces": ["app"]}),))
    for declared, left in ((["app", "web"], 1), (["web"], 0)):
        exposure = {"allowedFrom": [peer_of(name) for name in declared]}
        world = make_world(make_assistant(exposure=exposure))
        served = replace(world, last_blueprint=blueprint_of(world), bounds=bounds)
        assert [len(found) for found in guests(served)] == [left] * bool(left)


def test_administration_is_open_to_purge_pods_and_the_operator_only() -> None:
    """Neither the namespace's Pods nor monitoring reach the administration port."""
    (rule,) = [
        rule for rule in policies(make_world())[0]["ingress"] if rule["ports"][0]["port"] == 8_081
    ]
    purge, operator = rule["from"]
    assert purge["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "purge"
    assert "namespaceSelector" not in purge
    assert operator["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "steward-system"
    }
    assert operator["podSelector"]["matchLabels"]


def test_purge_pods_reach_the_runtime_and_dns_only() -> None:
    """They serve nothing, and call one port of one Pod."""
    _, purge = policies(make_world())
    ports = sorted(entry["port"] for rule in purge["egress"] for entry in rule["ports"])
    assert "ingress" not in purge
    assert ports == [53, 53, 8_081]


def test_a_service_in_the_cluster_is_allowed_by_namespace_and_port() -> None:
    """`tickets.desk.svc:8080` opens port 8080 of namespace desk."""
    assert egress_on(make_world(), 8_080) == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "desk"}}}
    ]


def test_an_address_is_allowed_exactly() -> None:
    """One address, one port."""
    world = with_object(make_world(), model_at("http://10.1.2.3:9000/v1"))
    assert egress_on(world, 9_000) == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "127.0.0.1",
        "224.0.0.1",
        "fd00::1",
        "fe80::1",
    ],
)
def test_a_hostname_never_opens_private_or_metadata_addresses(address: str) -> None:
    """Only public addresses are allowed on the port of a host name."""
    peers = egress_on(make_world(), 443)
    assert not any(is_allowed(peer, address) for peer in peers)


def test_a_hostname_opens_public_addresses_on_its_port_only() -> None:
    """The policy cannot say the name; it says the port."""
    world = make_world()
    assert any(is_allowed(peer, "93.184.216.34") for peer in egress_on(world, 443))
    assert egress_on(world, 80) == []


def test_without_hostname_no_public_address_is_open() -> None:
    """Nothing is allowed that nothing needs."""
    world = with_object(make_world(), model_at("http://models.ml.svc:9000/v1"))
    assert "0.0.0.0/0" not in str(policies(world))


def test_a_dropped_tool_opens_nothing() -> None:
    """A destination of a broken Tool is not declared any more."""
    broken = make_tool(http={"url": "http://203.0.113.9:7000/x"}, inputSchema={"type": "array"})
    assert egress_on(with_object(make_world(), broken), 7_000) == []


def test_exceptions_lie_inside_the_range_that_they_are_taken_from() -> None:
    """The API server refuses any other exception."""
    for ranges, whole in ((NOT_PUBLIC_V4, "0.0.0.0/0"), (NOT_PUBLIC_V6, "::/0")):
        everything: Any = ipaddress.ip_network(whole)
        assert all(ipaddress.ip_network(part).subnet_of(everything) for part in ranges)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://tickets/x", Destination(Reach.SERVICE, "tickets", 80, "team")),
        ("http://a.b.svc:1/x", Destination(Reach.SERVICE, "a.b.svc", 1, "b")),
        (
            "https://A.b.svc.cluster.local",
            Destination(Reach.SERVICE, "a.b.svc.cluster.local", 443, "b"),
        ),
        ("http://a.b", Destination(Reach.HOSTNAME, "a.b", 80)),
        ("https://api.example.com/v1", Destination(Reach.HOSTNAME, "api.example.com", 443)),
        ("http://203.0.113.9:65535", Destination(Reach.ADDRESS, "203.0.113.9", 65_535)),
    ],
)
def test_reads_a_destination_from_a_url(url: str, expected: Destination) -> None:
    """Scheme gives the default port, the form of the host says how it is reached."""
    assert parse_destination(url, "team") == expected


@pytest.mark.parametrize(
    "url", ["http://a:0/", "http://a:70000/", "http://1.2/", "http://a..b/", "http://.:1/"]
)
def test_refuses_a_url_that_leads_nowhere(url: str) -> None:
    """No host or no port is an error of the declaration."""
    with pytest.raises(ValueError, match="URL"):
        parse_destination(url, "team")


def is_allowed(peer: Manifest, address: str) -> bool:
    """Say whether an ipBlock contains an address."""
    block = peer["ipBlock"]
    parsed = ipaddress.ip_address(address)
    return parsed in ipaddress.ip_network(block["cidr"]) and not any(
        parsed in ipaddress.ip_network(part) for part in block["except"]
    )
