"""Which Pods a selector means, and which addresses they own (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod that owns addresses.

    Attributes:
        named_ports: (name, protocol, number) of each declared port that has a name.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    addresses: tuple[Address, ...]
    named_ports: tuple[tuple[str, str, int], ...]

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def ports_named(self, name: str, protocol: str) -> tuple[int, ...]:
        """Answers the numbers of the ports of a name and protocol."""
        return tuple(
            number
            for port_name, port_protocol, number in self.named_ports
            if (port_name, port_protocol) == (name, protocol)
        )


@dataclass(frozen=True, slots=True)
class World:
    """Everything that rules are made of.

    Attributes:
        pods: Those that own an address.
        namespaces: Labels of each namespace by its name.
        policies: The NetworkPolicies, in order of namespace and name.
    """

    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: tuple[Manifest, ...]


def build_world(
    pods: Iterable[Manifest], namespaces: Iterable[Manifest], policies: Iterable[Manifest]
) -> World:
    """Builds the world from objects as the API server lists them."""
    return World(
        pods=gather_living(pods),
        namespaces={item["metadata"]["name"]: labels_of(item) for item in namespaces},
        policies=tuple(sorted(policies, key=key_of)),
    )


def key_of(manifest: Manifest) -> str:
    """Answers `namespace/name` of an object."""
    metadata = manifest["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    """Answers the labels of an object."""
    return manifest["metadata"].get("labels") or {}


def gather_living(pods: Iterable[Manifest]) -> tuple[Pod, ...]:
    """Answers the Pods that own an address, in order of namespace and name.

    A finished Pod keeps its address in its status after somebody else got it, and a Pod on the
    host's network has the node's. The newest Pod wins an address.
    """
    owners: dict[Address, Manifest] = {}
    for pod in sorted(pods, key=lambda item: str(item["metadata"].get("creationTimestamp", ""))):
        status = pod.get("status") or {}
        if pod["spec"].get("hostNetwork") or status.get("phase") in FINISHED:
            continue
        for entry in status.get("podIPs") or ():
            owners[ipaddress.ip_address(entry["ip"])] = pod
    by_key: dict[str, tuple[Manifest, list[Address]]] = {}
    for address, pod in owners.items():
        by_key.setdefault(key_of(pod), (pod, []))[1].append(address)
    return tuple(_build_pod(pod, addresses) for _, (pod, addresses) in sorted(by_key.items()))


def _build_pod(manifest: Manifest, addresses: Iterable[Address]) -> Pod:
    spec = manifest["spec"]
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    ports = [port for container in containers for port in container.get("ports") or ()]
    return Pod(
        namespace=manifest["metadata"]["namespace"],
        name=manifest["metadata"]["name"],
        labels=labels_of(manifest),
        addresses=tuple(sorted(addresses, key=lambda item: (item.version, int(item)))),
        named_ports=tuple(
            (port["name"], port.get("protocol", "TCP"), port["containerPort"])
            for port in ports
            if port.get("name")
        ),
    )


def check_selected(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Answers whether a label selector means something with these labels; an empty one does."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(
        _check_expression(expression, labels)
        for expression in selector.get("matchExpressions") or ()
    )


def _check_expression(expression: Manifest, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case unknown:
            raise ValueError(f"a label selector has no operator {unknown}")


@dataclass(frozen=True, slots=True)
class Peers:
    """Who a rule is about.

    Attributes:
        networks: Their addresses.
        pods: The Pods among them, each with those of its addresses that are meant; a named port
            of an egress rule is looked up in them.
    """

    networks: tuple[Network, ...]
    pods: tuple[tuple[Pod, tuple[Address, ...]], ...]


def resolve_peers(peers: Iterable[Manifest], namespace: str, world: World) -> Peers:
    """Answers whom the entries of `from` or `to` mean, for a policy of `namespace`."""
    found = [
        _resolve_block(peer["ipBlock"], world)
        if peer.get("ipBlock")
        else _resolve_selectors(peer, namespace, world)
        for peer in peers
    ]
    return Peers(
        networks=tuple(network for item in found for network in item.networks),
        pods=tuple(pod for item in found for pod in item.pods),
    )


def resolve_everybody(world: World) -> Peers:
    """Answers all Pods and no networks: a rule without `from` or `to` is about anybody."""
    return Peers(networks=(), pods=tuple((pod, pod.addresses) for pod in world.pods))


def _resolve_block(block: Manifest, world: World) -> Peers:
    networks = [ipaddress.ip_network(block["cidr"], strict=False)]
    for text in block.get("except") or ():
        hole = ipaddress.ip_network(text, strict=False)
        networks = [piece for network in networks for piece in cut(network, hole)]
    inside = (
        (pod, tuple(item for item in pod.addresses if any(item in part for part in networks)))
        for pod in world.pods
    )
    return Peers(tuple(networks), tuple((pod, hit) for pod, hit in inside if hit))


def cut(network: Network, hole: Network) -> tuple[Network, ...]:
    """Answers what is left of a network without a part of it."""
    if isinstance(network, ipaddress.IPv4Network) and isinstance(hole, ipaddress.IPv4Network):
        if network.subnet_of(hole):
            return ()
        return tuple(network.address_exclude(hole)) if hole.subnet_of(network) else (network,)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(hole, ipaddress.IPv6Network):
        if network.subnet_of(hole):
            return ()
        return tuple(network.address_exclude(hole)) if hole.subnet_of(network) else (network,)
    return (network,)


def _resolve_selectors(peer: Manifest, namespace: str, world: World) -> Peers:
    of_namespaces, of_pods = peer.get("namespaceSelector"), peer.get("podSelector") or {}
    hit = [
        (pod, pod.addresses)
        for pod in world.pods
        if _is_namespace_meant(of_namespaces, pod.namespace, namespace, world)
        and check_selected(of_pods, pod.labels)
    ]
    networks = (ipaddress.ip_network(address) for _, addresses in hit for address in addresses)
    return Peers(tuple(networks), tuple(hit))


def _is_namespace_meant(selector: Manifest | None, namespace: str, own: str, world: World) -> bool:
    """Without a selector only the policy's own namespace is meant; an empty one means all."""
    if selector is None:
        return namespace == own
    return check_selected(selector, world.namespaces.get(namespace, {}))
