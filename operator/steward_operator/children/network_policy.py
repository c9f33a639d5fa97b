"""The NetworkPolicies of an assistant: default deny both ways, then what the Blueprint needs.

What a policy cannot say, it does not pretend to say. A Service inside the cluster is allowed by
namespace and port: its Pods' labels and target port are known only to who reads that Service, and
policies are enforced after the Service's address was translated to a Pod's, so the port must be
the Pod's port. A host name outside the cluster is allowed as "any public address on that port".
Both show in the condition `EgressExact`, and the runtime's connector pins the declared hosts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steward_api.v1alpha1.assistant import Peer
from steward_operator import labels, names
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.children.destinations import Destination, Reach
from steward_operator.names import Component
from steward_operator.objects import Manifest

NOT_PUBLIC_V4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""Private, shared (pod ranges in some clouds), loopback, link-local with the metadata services,
benchmarking, multicast and reserved ranges (IANA special-purpose registry, RFC 6890)."""
NOT_PUBLIC_V6: Final = ("64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8")
"""NAT64 (it leads back to IPv4), unique local, link-local and multicast ranges."""


def build_runtime_policy(context: ChildContext) -> Manifest:
    """Build the NetworkPolicy of the runtime's Pod."""
    name = names.runtime_policy_name(context.name)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": build_owned_metadata(context, name, Component.RUNTIME),
        "spec": {
            "podSelector": _select(context, Component.RUNTIME),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _build_ingress(context),
            "egress": _build_egress(context),
        },
    }


def build_purge_policy(context: ChildContext) -> Manifest:
    """Build the NetworkPolicy of purge Pods: DNS and the runtime's administration port."""
    name = names.purge_policy_name(context.name)
    runtime = {"podSelector": _select(context, Component.RUNTIME)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": build_owned_metadata(context, name, Component.PURGE),
        "spec": {
            "podSelector": _select(context, Component.PURGE),
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                _build_dns_rule(context),
                {"to": [runtime], "ports": [_port(names.ADMIN_PORT)]},
            ],
        },
    }


def _build_ingress(context: ChildContext) -> list[Manifest]:
    settings = context.settings
    operator = {
        **_namespace_peer(settings.operator_namespace),
        "podSelector": {"matchLabels": {labels.NAME: names.FIELD_MANAGER}},
    }
    purge = {"podSelector": _select(context, Component.PURGE)}
    return [
        *_build_guest_rules(context),
        {"from": [purge, operator], "ports": [_port(names.ADMIN_PORT)]},
        {
            "from": [{"podSelector": {}}, _namespace_peer(settings.monitoring_namespace)],
            "ports": [_port(names.METRICS_PORT)],
        },
    ]


def _build_guest_rules(context: ChildContext) -> list[Manifest]:
    """Allow the guests; a rule without any would allow everybody, so none is no rule."""
    guests = context.guests
    if guests is None:
        sources: list[Manifest] = [{"podSelector": {}}]
    else:
        sources = [_build_peer(peer) for peer in guests.pods]
        sources += [{"ipBlock": {"cidr": cidr}} for cidr in guests.cidrs]
    return [{"from": sources, "ports": [_port(names.HTTP_PORT)]}] if sources else []


def _build_peer(peer: Peer) -> Manifest:
    selector = _namespace_peer(peer.namespace)
    if not peer.pod_labels:
        return selector
    wanted = {label.key: label.value for label in peer.pod_labels}
    return {**selector, "podSelector": {"matchLabels": wanted}}


def _build_egress(context: ChildContext) -> list[Manifest]:
    destinations = context.destinations
    return [
        _build_dns_rule(context),
        *_build_service_rules(destinations),
        *_build_address_rules(destinations),
        *_build_public_rules(destinations),
    ]


def _build_service_rules(destinations: Iterable[Destination]) -> list[Manifest]:
    wanted = {(d.namespace, d.port) for d in destinations if d.reach is Reach.SERVICE}
    return [
        {"to": [_namespace_peer(namespace)], "ports": [_port(port)]}
        for namespace, port in sorted(wanted)
    ]


def _build_address_rules(destinations: Iterable[Destination]) -> list[Manifest]:
    wanted = {(d.host, d.port) for d in destinations if d.reach is Reach.ADDRESS}
    return [
        {"to": [{"ipBlock": {"cidr": f"{host}/32"}}], "ports": [_port(port)]}
        for host, port in sorted(wanted)
    ]


def _build_public_rules(destinations: Iterable[Destination]) -> list[Manifest]:
    ports = sorted({d.port for d in destinations if d.reach is Reach.HOSTNAME})
    if not ports:
        return []
    public = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(NOT_PUBLIC_V4)}},
        {"ipBlock": {"cidr": "::/0", "except": list(NOT_PUBLIC_V6)}},
    ]
    return [{"to": public, "ports": [_port(port) for port in ports]}]


def _build_dns_rule(context: ChildContext) -> Manifest:
    settings = context.settings
    peer = {
        **_namespace_peer(settings.dns_namespace),
        "podSelector": {"matchLabels": dict(settings.dns_pod_labels)},
    }
    return {
        "to": [peer],
        "ports": [_port(settings.dns_port, "UDP"), _port(settings.dns_port)],
    }


def _namespace_peer(namespace: str) -> Manifest:
    return {"namespaceSelector": {"matchLabels": {labels.NAMESPACE_NAME: namespace}}}


def _select(context: ChildContext, component: Component) -> Manifest:
    return {"matchLabels": labels.labels_that_select_pods(context.name, component)}


def _port(number: int, protocol: str = "TCP") -> Manifest:
    return {"port": number, "protocol": protocol}
