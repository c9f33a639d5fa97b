"""Policies become the nftables rules that they mean; each test holds one trap."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

from steward_netpol.compiling import Options, compile_table
from steward_netpol.ruling import merge_ranges
from steward_netpol.selecting import build_world

Manifest = dict[str, Any]
WEB = {"name": "web", "containerPort": 8080, "protocol": "TCP"}


def build_pod(name: str, address: str, port: Manifest = WEB) -> Manifest:
    """A running Pod with a named port."""
    return {
        "metadata": {"name": name, "namespace": "y", "labels": {"pod": name}},
        "spec": {"containers": [{"name": "c", "ports": [port]}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    }


def compile_spec(spec: Manifest, options: Options | None = None) -> str:
    """The table of two Pods and one policy on Pod a."""
    selector = {"podSelector": {"matchLabels": {"pod": "a"}}}
    policy = {"metadata": {"name": "p", "namespace": "y"}, "spec": {**selector, **spec}}
    pods = [
        build_pod("a", "10.0.0.1"),
        build_pod("b", "10.0.0.2", {**WEB, "containerPort": 9000}),
    ]
    namespaces = [{"metadata": {"name": "y", "labels": {"ns": "y"}}}]
    return compile_table(build_world(pods, namespaces, [policy]), options or Options())


def lines_of(table: str, direction: str) -> list[str]:
    """The lines of the one Pod chain of a direction, without what follows the match."""
    found = re.search(rf"chain {direction}_\w+ {{\n(.*?)\n  }}", table, re.DOTALL)
    assert found is not None, f"no chain of direction {direction}"
    return [line.strip().partition(" comment")[0] for line in found.group(1).splitlines()]


def test_an_empty_rule_list_allows_nothing() -> None:
    """Default deny: only the drop is left."""
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": []})
    assert lines_of(table, "i") == ["counter drop"]


def test_an_empty_rule_allows_everything() -> None:
    """`ingress: [{}]` is anybody on any port."""
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [{}]})
    assert lines_of(table, "i") == ["return", "counter drop"]


def test_a_peer_that_selects_nobody_allows_nothing() -> None:
    """An empty set must not turn into a rule without a match."""
    nobody = {"podSelector": {"matchLabels": {"pod": "none"}}}
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [{"from": [nobody]}]})
    assert lines_of(table, "i") == ["counter drop"]


def test_without_policy_types_egress_counts_if_it_is_named() -> None:
    """The API's default: ingress always, egress where the policy has such an entry."""
    assert "chain e_" not in compile_spec({"ingress": []})
    assert "chain e_" in compile_spec({"egress": []})


def test_a_pod_that_no_policy_selects_has_no_chain() -> None:
    """Only Pod a is isolated, so only its address is led to a chain."""
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": []})
    assert "10.0.0.1 : jump" in table
    assert "10.0.0.2 : jump" not in table


def test_a_port_without_protocol_is_of_tcp() -> None:
    """The API's default."""
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]})
    assert lines_of(table, "i")[0] == "tcp dport { 80 } return"


def test_an_entry_without_port_is_the_whole_protocol() -> None:
    """All ports of it."""
    rule = {"ports": [{"protocol": "UDP"}]}
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [rule]})
    assert lines_of(table, "i")[0] == "udp dport { 0-65535 } return"


def test_overlapping_port_ranges_are_merged() -> None:
    """A set of nftables refuses overlaps."""
    ports = [{"port": 80, "endPort": 90}, {"port": 85, "endPort": 99}, {"port": 100}]
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [{"ports": ports}]})
    assert lines_of(table, "i")[0] == "tcp dport { 80-100 } return"
    assert merge_ranges([(1, 2), (4, 5)]) == ((1, 2), (4, 5))


def test_overlapping_blocks_are_collapsed() -> None:
    """The same for addresses."""
    peers = [{"ipBlock": {"cidr": "10.1.0.0/16"}}, {"ipBlock": {"cidr": "10.1.2.0/24"}}]
    table = compile_spec({"policyTypes": ["Egress"], "egress": [{"to": peers}]})
    assert lines_of(table, "e")[0] == "ip daddr { 10.1.0.0/16 } return"


def test_a_named_port_on_ingress_is_the_selected_pods_own() -> None:
    """Pod a calls 8080 `web`."""
    rule = {"ports": [{"port": "web"}]}
    table = compile_spec({"policyTypes": ["Ingress"], "ingress": [rule]})
    assert lines_of(table, "i")[0] == "tcp dport { 8080 } return"


def test_a_named_port_on_egress_is_each_destinations_own() -> None:
    """Pod b calls 9000 `web`, Pod a 8080."""
    rule = {"to": [{"podSelector": {}}], "ports": [{"port": "web"}]}
    table = compile_spec({"policyTypes": ["Egress"], "egress": [rule]})
    pairs = "10.0.0.1 . tcp . 8080, 10.0.0.2 . tcp . 9000"
    assert lines_of(table, "e")[0] == f"ip daddr . meta l4proto . th dport {{ {pairs} }} return"


def test_a_long_rule_keeps_its_match_whole() -> None:
    """Only comments are cut: nftables takes 128 characters."""
    holes = [f"10.{number}.0.0/16" for number in range(60)]
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": holes}}
    table = compile_spec({"policyTypes": ["Egress"], "egress": [{"to": [block]}]})
    assert all(len(comment) <= 128 for comment in re.findall(r'comment "([^"]*)"', table))
    assert lines_of(table, "e")[0].endswith("} return")


def test_the_input_hook_filters_what_pods_send_to_their_node() -> None:
    """The API server and the metadata service of a node never pass `forward`."""
    table = compile_spec({"policyTypes": ["Egress"], "egress": []})
    hook = table[table.index("chain input") :]
    assert "ip saddr vmap { 10.0.0.1 : jump e_" in hook


def test_nothing_hooks_what_the_node_sends() -> None:
    """Else probes of the kubelet would fail on a Pod with default deny."""
    assert "hook output" not in compile_spec({"policyTypes": ["Ingress"], "ingress": []})


def test_an_unknown_address_of_the_range_may_not_talk() -> None:
    """A new Pod waits for its rules instead of going without."""
    table = compile_spec({"ingress": []}, Options(pod_ranges=("10.0.0.0/24",)))
    line = "ip saddr 10.0.0.0/24 ip saddr != { 10.0.0.1, 10.0.0.2 } counter drop"
    assert table.count(line) == 2


def test_only_replies_pass_by_connection_tracking() -> None:
    """A new policy must also end connections that are open."""
    table = compile_spec({"ingress": []})
    assert "ct state established ct direction reply accept" in table
    assert "ct state established accept" not in table


def test_the_table_is_replaced_in_one_transaction() -> None:
    """Added first, so that the deletion never fails; then made anew in the same text."""
    lines = compile_spec({"ingress": []}, Options(table="t")).splitlines()
    assert lines[:3] == ["add table inet t", "delete table inet t", "table inet t {"]


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_the_kernel_would_take_the_table() -> None:
    """`nft --check` reads all of it and loads nothing."""
    peers = [{"ipBlock": {"cidr": "::/0", "except": ["fc00::/7"]}}, {"namespaceSelector": {}}]
    rule = {"to": peers, "ports": [{"port": "web"}, {"port": 1, "endPort": 9}]}
    spec = {"policyTypes": ["Ingress", "Egress"], "egress": [rule], "ingress": [{}]}
    table = compile_spec(spec, Options(pod_ranges=("10.0.0.0/24", "fd00::/64")))
    command = ("unshare", "--user", "--map-root-user", "--net", "nft", "--check", "-f", "-")
    done = subprocess.run(command, input=table, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
