"""What a cluster has before anybody uses it: DNS and a default StorageClass."""

from __future__ import annotations

from typing import Any

from steward_node.layout import COREDNS_IMAGE, DNS_ADDRESS

Manifest = dict[str, Any]

PROVISIONER = "steward.lab/folder"
STORAGE_CLASS = "standard"
SYSTEM = "kube-system"
DNS_LABELS = {"k8s-app": "kube-dns"}
# Names outside the cluster do not exist here: there is nowhere to ask.
COREFILE = """\
.:53 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa
    cache 5
    loadbalance
}
"""


def build_furniture() -> Manifest:
    """Answers one List with everything."""
    items = [*build_dns(), build_storage_class()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def build_storage_class() -> Manifest:
    """The default class; `steward_node.storage` serves it."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": default},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def build_dns() -> tuple[Manifest, ...]:
    """CoreDNS under the labels and the address that clusters use for it."""
    metadata = {"name": "coredns", "namespace": SYSTEM}
    reads = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"}
    rbac = "rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", **metadata}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    service = {"selector": DNS_LABELS, "clusterIP": DNS_ADDRESS, "ports": ports}
    binding = {"roleRef": role, "subjects": [subject]}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": rbac,
            "kind": "ClusterRole",
            "metadata": {"name": "coredns"},
            "rules": reads,
        },
        {
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "coredns"},
            **binding,
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"Corefile": COREFILE},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": _dns_spec()},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": SYSTEM},
            "spec": service,
        },
    )


def _dns_spec() -> Manifest:
    container = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "corefile", "mountPath": "/etc/coredns"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "selector": {"matchLabels": DNS_LABELS},
        "template": {
            "metadata": {"labels": DNS_LABELS},
            "spec": {
                "serviceAccountName": "coredns",
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
                "volumes": [{"name": "corefile", "configMap": {"name": "coredns"}}],
            },
        },
    }
