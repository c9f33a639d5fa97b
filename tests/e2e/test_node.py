"""The node is a real one: Pods of the restricted level run, names resolve, volumes are written."""

from __future__ import annotations

from typing import Any

import pytest

from steward_node.cluster import Cluster
from steward_node.layout import PODTOOL_IMAGE

pytestmark = pytest.mark.e2e
Manifest = dict[str, Any]

NAMESPACE = "node-check"
SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def build_pod(name: str, *arguments: str, claim: str = "") -> Manifest:
    """A Pod of the restricted level that runs podtool."""
    container: Manifest = {
        "name": "main",
        "image": PODTOOL_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "securityContext": SECURITY,
    }
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65_532,
            "fsGroup": 65_532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module", autouse=True)
def served(cluster: Cluster) -> None:
    """A namespace with a server, its Service, and a client."""
    if cluster.node is None:
        pytest.skip("a cluster of the user's is not ours to check")
    cluster.create_namespace(NAMESPACE)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    server = build_pod("server", "serve", "hello", "0.0.0.0:8080", claim="data")
    cluster.apply(service, claim, server, build_pod("client", "pause"))
    ready = ("wait", "--for=condition=Ready", "--timeout=60s", "pod/server", "pod/client")
    cluster.kubectl("--namespace", NAMESPACE, *ready)


def test_a_pod_reaches_another_by_the_name_of_its_service(cluster: Cluster) -> None:
    """DNS, ClusterIP and the bridge work."""
    tool = ("/podtool", "connect", "5", f"server.{NAMESPACE}.svc.cluster.local:80")
    said = cluster.kubectl("--namespace", NAMESPACE, "exec", "client", "--", *tool)
    assert said.strip() == "open hello"


def test_a_claim_gets_a_volume(cluster: Cluster) -> None:
    """The default StorageClass serves it."""
    claim = cluster.read("persistentvolumeclaim/data", "--namespace", NAMESPACE)
    assert claim["status"]["phase"] == "Bound"


def test_a_pod_beyond_the_restricted_level_is_refused(cluster: Cluster) -> None:
    """The namespace enforces the level, so what runs in it satisfies it."""
    pod = build_pod("root", "pause")
    pod["spec"]["securityContext"] = {"runAsUser": 0}
    with pytest.raises(Exception, match="violates PodSecurity"):
        cluster.apply(pod)
