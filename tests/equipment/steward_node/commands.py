"""Builds the command lines of the node's processes, in the order in which they start."""

from __future__ import annotations

import sys

from steward_lab.configuration import ISSUER
from steward_node.configuration import CONTROLLERS, KUBELET, SCHEDULER, STORAGE, Site
from steward_node.layout import (
    API_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    SERVICE_RANGE,
)

ETCD_CLIENT = "http://127.0.0.1:2379"
ETCD_PEER = "http://127.0.0.1:2380"


def build_etcd_command(site: Site) -> tuple[str, ...]:
    """The store; it never waits for the disk, since its data is worth nothing."""
    return (
        str(site.binaries.plane.etcd),
        "--name=node",
        "--data-dir=/var/lib/etcd",
        f"--listen-client-urls={ETCD_CLIENT}",
        f"--advertise-client-urls={ETCD_CLIENT}",
        f"--listen-peer-urls={ETCD_PEER}",
        f"--initial-advertise-peer-urls={ETCD_PEER}",
        f"--initial-cluster=node={ETCD_PEER}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def build_api_server_command(site: Site) -> tuple[str, ...]:
    """The API server, on every address of the node's own network."""
    keys = site.keys
    return (
        str(site.binaries.plane.kube_apiserver),
        f"--etcd-servers={ETCD_CLIENT}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--advertise-address={NODE_ADDRESS}",
        "--cert-dir=/var/lib/kube-apiserver",
        f"--tls-cert-file={keys.server_certificate}",
        f"--tls-private-key-file={keys.server_key}",
        f"--kubelet-client-certificate={site.file('kubelet-client.crt')}",
        f"--kubelet-client-key={site.file('kubelet-client.key')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={keys.account_key}",
        f"--service-account-signing-key-file={keys.account_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        f"--token-auth-file={site.file('tokens.csv')}",
        "--allow-privileged=true",
        "--profiling=false",
    )


def build_controllers_command(site: Site) -> tuple[str, ...]:
    """The controller manager with all its controllers."""
    return (
        str(site.binaries.plane.kube_controller_manager),
        f"--kubeconfig={site.kubeconfig_of(CONTROLLERS)}",
        f"--service-account-private-key-file={site.keys.account_key}",
        f"--root-ca-file={site.keys.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--bind-address=127.0.0.1",
        "--cert-dir=/var/lib/kube-controller-manager",
        "--profiling=false",
    )


def build_scheduler_command(site: Site) -> tuple[str, ...]:
    """The scheduler."""
    return (
        str(site.binaries.directory / "kube-scheduler"),
        f"--kubeconfig={site.kubeconfig_of(SCHEDULER)}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--cert-dir=/var/lib/kube-scheduler",
        "--profiling=false",
    )


def build_containerd_command(site: Site) -> tuple[str, ...]:
    """The container runtime."""
    return (
        str(site.binaries.directory / "containerd"),
        f"--config={site.file('containerd.toml')}",
        "--log-level=warn",
    )


def build_kubelet_command(site: Site) -> tuple[str, ...]:
    """The kubelet."""
    return (
        str(site.binaries.directory / "kubelet"),
        f"--config={site.file('kubelet.yaml')}",
        f"--kubeconfig={site.kubeconfig_of(KUBELET)}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
        "--root-dir=/var/lib/kubelet",
        "--cert-dir=/var/lib/kubelet/certificates",
    )


def build_proxy_command(site: Site) -> tuple[str, ...]:
    """kube-proxy."""
    return (
        str(site.binaries.directory / "kube-proxy"),
        f"--config={site.file('kube-proxy.yaml')}",
    )


def build_storage_command(site: Site) -> tuple[str, ...]:
    """The provisioner of volumes."""
    return (sys.executable, "-m", "steward_node.storage", str(site.kubeconfig_of(STORAGE)))
