"""Who gets in to an assistant: real packets through the NetworkPolicies of the real plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from steward_api.blueprint import Blueprint
from steward_effects.chain import plan_manifests
from steward_kinds.objects import Manifest
from steward_netpol.compiling import Options, compile_table
from steward_netpol.oracle import NAMESPACE_LABEL
from steward_netpol.selecting import build_world
from steward_operator.names import ADMIN_PORT, HTTP_PORT, METRICS_PORT
from steward_wires import Host, Try, ask

OWN_NAMESPACE: Final = "default"
"""Namespace of objects from files that name none."""
ASSISTANT: Final = "10.244.0.10"
PORTS: Final = (HTTP_PORT, ADMIN_PORT, METRICS_PORT)
PODS: Final = {
    "colleague": ("10.244.0.11", OWN_NAMESPACE, {"tier": "front"}),
    "web-front": ("10.244.0.12", "web", {"tier": "front", "app": "shop"}),
    "web-back": ("10.244.0.13", "web", {"tier": "back", "app": "shop"}),
    "app-front": ("10.244.0.14", "app", {"tier": "front"}),
}
"""Pods around the assistant: address, namespace, labels."""
OUTSIDE: Final = {"office": "10.20.0.5", "street": "10.21.0.5"}
"""Machines outside the cluster."""


def find_guests(*manifests: Manifest, last: Blueprint | None = None) -> set[str]:
    """Return who of the Pods and machines can connect to the assistant's API.

    Raises:
        AssertionError: if any of them gets to another port.
        WiresError: if this machine cannot make networks.
    """
    plan = plan_manifests(*manifests, last=last)
    deployed = next(child for child in plan.children if child["kind"] == "Deployment")
    labels = deployed["spec"]["template"]["metadata"]["labels"]
    pods = [_pod("desk", ASSISTANT, OWN_NAMESPACE, labels)]
    pods += [_pod(name, *facts) for name, facts in PODS.items()]
    namespaces = sorted({facts[1] for facts in PODS.values()})
    policies = [child for child in plan.children if child["kind"] == "NetworkPolicy"]
    world = build_world(pods, [_namespace(name) for name in namespaces], policies)
    places = {**{name: facts[0] for name, facts in PODS.items()}, **OUTSIDE}
    tries = [(name, port) for name in places for port in PORTS]
    answers = ask(
        compile_table(world, Options(is_rejecting=True)),
        [Host(ASSISTANT, PORTS), *(Host(address) for address in places.values())],
        [Try(places[name], ASSISTANT, port) for name, port in tries],
    )
    reached = {each for each, is_in in zip(tries, answers, strict=True) if is_in}
    assert {port for _, port in reached} <= {HTTP_PORT, METRICS_PORT}, reached
    return {name for name, port in reached if port == HTTP_PORT}


def gather_everybody() -> Iterator[str]:
    """Yield the names of all that may try."""
    yield from PODS
    yield from OUTSIDE


def _pod(name: str, address: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"metadata": metadata, "spec": {}, "status": {"podIPs": [{"ip": address}]}}


def _namespace(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {NAMESPACE_LABEL: name}}}
