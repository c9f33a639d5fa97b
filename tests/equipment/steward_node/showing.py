"""Applies the examples of the repository to a cluster, as `examples/cluster` overlays them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steward_lab.kube_client import parse_documents
from steward_lab.pins import REPOSITORY
from steward_node.cluster import Cluster, Manifest
from steward_node.errors import NodeError

OVERLAYS = REPOSITORY / "examples" / "cluster"
READY_SECONDS = 300
# Secrets that a user makes by hand, and the key `hosts` of each: the overlays say so.
CREDENTIALS = {"01-helpdesk": {"ticket-service-token": "tickets.helpdesk.svc:8080"}}


@dataclass(frozen=True, slots=True)
class Example:
    """One example and the assistant that it declares.

    Attributes:
        name: Name of its folder.
        namespace: Where everything of it lives.
        assistant: Name of its assistant.
    """

    name: str
    namespace: str
    assistant: str

    @property
    def overlay(self) -> Path:
        """What is applied."""
        return OVERLAYS / self.name

    def read(self, cluster: Cluster) -> Any:
        """Answers its Assistant as the API server has it."""
        return cluster.read(f"assistant/{self.assistant}", f"--namespace={self.namespace}")


def gather_examples(cluster: Cluster) -> tuple[Example, ...]:
    """Answers the examples that have an overlay for clusters, in order of their folders."""
    overlays = sorted(OVERLAYS.glob("*/kustomization.yaml"))
    return tuple(read_example(cluster, path.parent) for path in overlays)


def read_example(cluster: Cluster, folder: Path) -> Example:
    """Renders an overlay and finds the assistant in it.

    Raises:
        NodeError: It declares none, or several.
    """
    rendered = parse_documents(cluster.kubectl("kustomize", str(folder)))
    found = [item for item in rendered if item["kind"] == "Assistant"]
    if len(found) != 1:
        raise NodeError(f"{folder} declares {len(found)} assistants where one is expected")
    metadata = found[0]["metadata"]
    return Example(folder.name, metadata["namespace"], metadata["name"])


def apply_example(cluster: Cluster, example: Example) -> None:
    """Applies an example, in a namespace that enforces the restricted level."""
    cluster.create_namespace(example.namespace)
    for name, hosts in CREDENTIALS.get(example.name, {}).items():
        cluster.apply(build_credential(example.namespace, name, hosts))
    cluster.kubectl("apply", "--server-side", "--kustomize", str(example.overlay))


def wait_example(cluster: Cluster, example: Example) -> None:
    """Waits until the assistant says that it is ready.

    Raises:
        NodeError: It is not in time; the message shows its conditions and Pods.
    """
    inside = f"--namespace={example.namespace}"
    ready = ("--for=condition=Ready", f"assistant/{example.assistant}")
    done = cluster.try_kubectl(
        "wait", *ready, inside, f"--timeout={READY_SECONDS}s", seconds=READY_SECONDS + 30
    )
    if done.returncode:
        conditions = example.read(cluster).get("status", {}).get("conditions", ())
        said = "\n".join(
            f"{item['type']}={item['status']} {item['reason']}: {item['message']}"
            for item in conditions
        )
        pods = cluster.try_kubectl("get", "pods,pvc,events", inside).stdout
        raise NodeError(f"{example.name} is not ready:\n{said}\n{pods[-4000:]}")


def build_credential(namespace: str, name: str, hosts: str) -> Manifest:
    """Builds a Secret with a fresh token."""
    data = {"token": secrets.token_hex(16), "hosts": hosts}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
