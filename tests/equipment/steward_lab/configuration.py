"""Builds the control plane's configuration: command lines, users, audit policy, kubeconfigs."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from steward_lab.building import Binaries
from steward_lab.certificates import KeyFiles

Manifest = dict[str, Any]

# Documentation addresses (RFC 5737): the server insists on an address that isn't loopback, and
# nothing here ever connects to it.
ADVERTISED_ADDRESS = "192.0.2.1"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc"
ADMIN = "lab-admin"
KUBELET = "lab-kubelet"
CONTROLLERS = "system:kube-controller-manager"
# Everybody's groups; who isn't here has a token and no permission.
USER_GROUPS = {
    ADMIN: ("system:masters",),
    KUBELET: ("system:masters",),
    CONTROLLERS: (),
    "lab-nobody": (),
}
# Pods live on loopback, which EndpointSlices refuse; nodes neither send heartbeats nor need
# evictions, addresses or certificates; there is no cloud.
CONTROLLERS_OFF = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "node-ipam-controller",
    "node-lifecycle-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
    "taint-eviction-controller",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one control plane."""

    etcd_client: int
    etcd_peer: int
    api_server: int


@dataclass(frozen=True, slots=True)
class Plant:
    """Where one control plane lives.

    Attributes:
        directory: Data, logs and configuration.
        account_tokens: Token of each user in `USER_GROUPS`.
    """

    binaries: Binaries
    directory: Path
    ports: Ports
    keys: KeyFiles
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        """Address of the API server."""
        return f"https://127.0.0.1:{self.ports.api_server}"

    @property
    def audit_path(self) -> Path:
        """The audit log."""
        return self.directory / "audit.jsonl"


def gather_free_ports() -> Ports:
    """Asks the kernel for ports that are free now; somebody may still take them before we do."""
    sockets = [socket.socket() for _ in range(3)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return Ports(*(item.getsockname()[1] for item in sockets))
    finally:
        for item in sockets:
            item.close()


def build_etcd_command(plant: Plant) -> tuple[str, ...]:
    """Command line of etcd; it never waits for the disk, since its data is worth nothing."""
    client = f"http://127.0.0.1:{plant.ports.etcd_client}"
    peer = f"http://127.0.0.1:{plant.ports.etcd_peer}"
    return (
        str(plant.binaries.etcd),
        "--name=lab",
        f"--data-dir={plant.directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    )


def build_api_server_command(plant: Plant) -> tuple[str, ...]:
    """Command line of the API server."""
    return (
        str(plant.binaries.kube_apiserver),
        f"--etcd-servers=http://127.0.0.1:{plant.ports.etcd_client}",
        "--bind-address=127.0.0.1",
        f"--secure-port={plant.ports.api_server}",
        f"--advertise-address={ADVERTISED_ADDRESS}",
        "--endpoint-reconciler-type=none",
        f"--cert-dir={plant.directory / 'certificates'}",
        f"--tls-cert-file={plant.keys.server_certificate}",
        f"--tls-private-key-file={plant.keys.server_key}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={plant.keys.account_key}",
        f"--service-account-signing-key-file={plant.keys.account_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        f"--token-auth-file={plant.directory / 'tokens.csv'}",
        "--allow-privileged=true",
        f"--audit-policy-file={plant.directory / 'audit-policy.yaml'}",
        f"--audit-log-path={plant.audit_path}",
        "--audit-log-mode=blocking",
        # Megabytes; 0 would mean 100 and rotate the log away under the reader.
        "--audit-log-maxsize=1000000",
        "--event-ttl=6h",
        "--profiling=false",
    )


def build_controllers_command(plant: Plant) -> tuple[str, ...]:
    """Command line of the controller manager."""
    return (
        str(plant.binaries.kube_controller_manager),
        f"--kubeconfig={plant.directory / 'controllers.kubeconfig'}",
        f"--service-account-private-key-file={plant.keys.account_key}",
        f"--root-ca-file={plant.keys.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        f"--controllers=*,{','.join(f'-{name}' for name in CONTROLLERS_OFF)}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--secure-port=0",
        "--profiling=false",
    )


def build_audit_policy() -> Manifest:
    """One entry per finished request, less what the control plane reads for itself."""
    reads = ["get", "list", "watch"]
    silent = {"level": "None", "verbs": reads}
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {**silent, "users": ["system:apiserver", CONTROLLERS]},
            {**silent, "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "Metadata"},
        ],
    }


def build_kubeconfig(plant: Plant, token: str, impersonate: str = "") -> Manifest:
    """A kubeconfig for the holder of a token, acting as somebody else where asked."""
    user = {"token": token} | ({"as": impersonate} if impersonate else {})
    cluster = {"server": plant.url, "certificate-authority": str(plant.keys.authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab", "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }


def write_configuration(plant: Plant) -> None:
    """Writes the files that the command lines name."""
    lines = [
        ",".join((plant.tokens[user], user, user, f'"{",".join(groups)}"'))
        for user, groups in USER_GROUPS.items()
    ]
    write_private(plant.directory / "tokens.csv", "\n".join(lines) + "\n")
    policy = yaml.safe_dump(build_audit_policy())
    (plant.directory / "audit-policy.yaml").write_text(policy, encoding="utf-8")
    controllers = build_kubeconfig(plant, plant.tokens[CONTROLLERS])
    write_private(plant.directory / "controllers.kubeconfig", json.dumps(controllers))


def write_private(path: Path, text: str) -> None:
    """Writes a file that only this user may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
