"""Pods for tests of process mode: a small server, a script, and what they mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from steward_lab import echo_server
from steward_lab.kube_client import KubeClient, Manifest

PORT = 8080


def build_server(**container: Any) -> Manifest:
    """A container that runs the lab's small server on the Pod's address."""
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {
        "name": "main",
        "image": "any",
        "command": ["python", str(Path(echo_server.__file__))],
        "args": ["$(POD_IP)", str(PORT)],
        "env": [address],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
        **container,
    }


def build_script(code: str) -> Manifest:
    """A container that runs a piece of Python and ends."""
    return {"name": "main", "image": "any", "command": ["python", "-c", code]}


def build_pod_spec(container: Manifest, volumes: tuple[Manifest, ...] = ()) -> Manifest:
    """A Pod of one container."""
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": list(volumes),
    }


def deploy(admin: KubeClient, namespace: str, name: str, spec: Manifest) -> None:
    """Creates a Deployment and a Service of one name."""
    labels = {"app": name}
    metadata = {"name": name}
    port = {"name": "http", "port": PORT, "targetPort": "http"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": [port]}
    kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    admin.create({**kind, "metadata": metadata, "spec": deployment}, namespace)
    kind = {"apiVersion": "v1", "kind": "Service"}
    admin.create({**kind, "metadata": metadata, "spec": service}, namespace)


def create_data(admin: KubeClient, namespace: str, kind: str, **data: str) -> None:
    """Creates a Secret or ConfigMap named like its kind in lower case."""
    metadata = {"name": kind.lower()}
    key = "stringData" if kind == "Secret" else "data"
    admin.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, key: data}, namespace)


def create_claim(admin: KubeClient, namespace: str) -> Manifest:
    """Creates a claim named `data` and answers the volume that mounts it."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    admin.create({**kind, "metadata": {"name": "data"}, "spec": spec}, namespace)
    return {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


def wait_pod(
    admin: KubeClient, namespace: str, is_as_awaited: Callable[[Manifest], object]
) -> Manifest:
    """Waits for a Pod whose first container's status is as awaited."""

    def check(pod: Manifest) -> bool:
        statuses = pod["status"].get("containerStatuses")
        return bool(statuses and is_as_awaited(statuses[0]))

    return admin.wait_any(f"/api/v1/namespaces/{namespace}/pods", check)


def run_pod(admin: KubeClient, namespace: str, spec: Manifest) -> Manifest:
    """Runs a Pod that is not restarted and answers how its container ended."""
    spec = {**spec, "restartPolicy": "Never"}
    metadata = {"name": "once"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    admin.create(pod, namespace)
    done = wait_pod(admin, namespace, lambda status: "terminated" in status["state"])
    ended: Manifest = done["status"]["containerStatuses"][0]["state"]["terminated"]
    return ended
