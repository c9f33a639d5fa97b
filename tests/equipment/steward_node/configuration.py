"""Builds the files that the node's processes read: configurations, users, kubeconfigs."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from steward_lab.certificates import KeyFiles
from steward_lab.configuration import write_private
from steward_node.binaries import NodeBinaries
from steward_node.layout import (
    API_PORT,
    BRIDGE,
    CGROUP,
    CONTAINERD_SOCKET,
    DNS_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    PAUSE_IMAGE,
    POD_RANGE,
    UPLINK_ADDRESS,
    Place,
)

Manifest = dict[str, Any]

ADMIN = "node-admin"
SCHEDULER = "system:kube-scheduler"
CONTROLLERS = "system:kube-controller-manager"
PROXY = "system:kube-proxy"
KUBELET = f"system:node:{NODE_NAME}"
ENFORCER = "node-enforcer"
STORAGE = "node-storage"
# Everybody's groups; bindings that every API server makes at start give the system users theirs.
USER_GROUPS: dict[str, tuple[str, ...]] = {
    ADMIN: ("system:masters",),
    SCHEDULER: (),
    CONTROLLERS: (),
    PROXY: (),
    KUBELET: ("system:nodes",),
    ENFORCER: ("system:masters",),
    STORAGE: ("system:masters",),
}


@dataclass(frozen=True, slots=True)
class Site:
    """One node in the making: what runs, where, with which keys and tokens."""

    binaries: NodeBinaries
    place: Place
    keys: KeyFiles
    tokens: dict[str, str]

    @property
    def cni_configuration(self) -> Path:
        """Folder of the CNI configuration."""
        return self.place.configuration / "cni"

    def kubeconfig_of(self, user: str) -> Path:
        """Where the kubeconfig of a component's user lies."""
        return self.place.configuration / f"{user.rpartition(':')[2]}.kubeconfig"

    def file(self, name: str) -> Path:
        """Where a configuration file lies."""
        return self.place.configuration / name


def build_tokens() -> dict[str, str]:
    """Answers a fresh token for each user."""
    return {user: secrets.token_hex(16) for user in USER_GROUPS}


def build_kubeconfig(site: Site, user: str, address: str) -> Manifest:
    """A kubeconfig of one user, for the API server at one of its addresses."""
    server = f"https://{address}:{API_PORT}"
    # Whole, so that the file can be used from anywhere.
    authority = base64.b64encode(site.keys.authority.read_bytes()).decode("ascii")
    cluster = {"server": server, "certificate-authority-data": authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "node", "cluster": cluster}],
        "users": [{"name": "node", "user": {"token": site.tokens[user]}}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": "node"}}],
        "current-context": "node",
    }


def build_containerd_configuration(site: Site) -> str:
    """Containerd's configuration: overlayfs, runc, and nothing pulled for the Pod's pause."""
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    images = "plugins.'io.containerd.cri.v1.images'"
    lines = [
        "version = 3",
        'root = "/var/lib/containerd"',
        'state = "/run/containerd"',
        "[grpc]",
        f'address = "{CONTAINERD_SOCKET}"',
        f"[{images}]",
        'snapshotter = "overlayfs"',
        f"[{images}.pinned_images]",
        f'sandbox = "{PAUSE_IMAGE}"',
        f"[{runtime}]",
        # A machine that is itself a container may not lower the score.
        "restrict_oom_score_adj = true",
        "enable_unprivileged_ports = true",
        f"[{runtime}.cni]",
        f'bin_dirs = ["{site.binaries.directory}"]',
        f'conf_dir = "{site.cni_configuration}"',
        f"[{runtime}.containerd]",
        'default_runtime_name = "runc"',
        f"[{runtime}.containerd.runtimes.runc]",
        'runtime_type = "io.containerd.runc.v2"',
        f"[{runtime}.containerd.runtimes.runc.options]",
        "SystemdCgroup = false",
    ]
    return "\n".join(lines) + "\n"


def build_network_configuration() -> Manifest:
    """The CNI network: one bridge whose address is the node's; nothing leaves, so no masquerade."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_RANGE, "gateway": NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    return {"cniVersion": "1.0.0", "name": "node", "plugins": [bridge]}


def build_kubelet_configuration(site: Site) -> Manifest:
    """The kubelet's configuration, for a machine that others use too."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(site.keys.authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "cgroupsPerQOS": True,
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        # The machine's disk is not the test's: never evict, never remove an imported image.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(site.file("resolv.conf")),
        "rotateCertificates": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }


def build_proxy_configuration(site: Site) -> Manifest:
    """kube-proxy's configuration; connection tracking stays as the machine has it."""
    untouched = {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": NODE_ADDRESS,
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "clientConnection": {"kubeconfig": str(site.kubeconfig_of(PROXY))},
        "conntrack": untouched,
        "nftables": {"masqueradeAll": False, "minSyncPeriod": "200ms"},
    }


def write_configuration(site: Site) -> None:
    """Writes every file that the command lines name."""
    site.cni_configuration.mkdir(parents=True, exist_ok=True)
    network = json.dumps(build_network_configuration())
    (site.cni_configuration / "10-node.conflist").write_text(network, encoding="utf-8")
    plain = {
        "containerd.toml": build_containerd_configuration(site),
        "kubelet.yaml": yaml.safe_dump(build_kubelet_configuration(site)),
        "kube-proxy.yaml": yaml.safe_dump(build_proxy_configuration(site)),
        "resolv.conf": "",
    }
    for name, text in plain.items():
        site.file(name).write_text(text, encoding="utf-8")
    lines = [
        ",".join((site.tokens[user], user, user, f'"{",".join(groups)}"'))
        for user, groups in USER_GROUPS.items()
    ]
    write_private(site.file("tokens.csv"), "\n".join(lines) + "\n")
    for user in USER_GROUPS:
        inside = build_kubeconfig(site, user, NODE_ADDRESS)
        write_private(site.kubeconfig_of(user), json.dumps(inside))
    outside = build_kubeconfig(site, ADMIN, UPLINK_ADDRESS)
    write_private(site.place.kubeconfig, json.dumps(outside))
