"""What Argo CD needs: its own program, built from source, and its objects in a cluster."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from steward_argo.customizations import CONFIG_MAP
from steward_argo.health import FOLDER
from steward_lab.building import build_set, report_to_stderr
from steward_lab.errors import BuildError, LabError
from steward_lab.kube_client import KubeClient
from steward_lab.pins import BinarySet, ModuleFiles, Target
from steward_lab.toolchain import Report

Manifest = dict[str, Any]

NAMESPACE = "argocd"
KUBECTL_SECONDS = 60.0
MODULE = "github.com/argoproj/argo-cd/v3"
CRDS = ("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml")
PART_OF = {"app.kubernetes.io/part-of": "argocd"}
"""Argo CD reads its configuration through a watch that selects this label."""
EMPTY_CONFIG_MAPS = (
    "argocd-cmd-params-cm",
    "argocd-gpg-keys-cm",
    "argocd-rbac-cm",
    "argocd-ssh-known-hosts-cm",
    "argocd-tls-certs-cm",
)
# Measured on two cores with Go 1.26: 386 s without any cache, 149 MB.
ARGO_CD = BinarySet(
    name="Argo CD",
    targets=(Target("argocd", "argocd", "./argocd"),),
    files=(ModuleFiles("argocd", MODULE, CRDS, "crds"),),
    duration="about 7 minutes on two cores",
    free_gib=7,
)


def build_argo_cd(report: Report = report_to_stderr) -> Path:
    """Return the folder with Argo CD's one program and its CRDs, built when they are missing.

    Raises:
        BuildError: A program that Debian has is not on this machine, or the build failed.
    """
    missing = [name for name in ("git", "redis-server") if shutil.which(name) is None]
    if missing:
        raise BuildError(f"Argo CD needs {' and '.join(missing)}: apt-get install git redis-server")
    return build_set(ARGO_CD, report)


def build_objects(tracking: str) -> tuple[Manifest, ...]:
    """Return the configuration of an Argo CD that knows nothing of ours yet.

    Args:
        tracking: How it marks what it applied: `annotation` (its default), `label`, or both.
    """
    data = {"application.resourceTrackingMethod": tracking}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        build_plain("ConfigMap", "argocd-cm", data=data),
        *(build_plain("ConfigMap", name) for name in EMPTY_CONFIG_MAPS),
        build_plain(
            "Secret", "argocd-secret", stringData={"server.secretkey": secrets.token_hex(16)}
        ),
        build_project(),
    )


def build_plain(kind: str, name: str, **fields: Any) -> Manifest:
    """Return an object of the core group in Argo CD's namespace."""
    metadata = {"name": name, "namespace": NAMESPACE, "labels": PART_OF}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def build_project() -> Manifest:
    """Return the project that allows everything."""
    anywhere = [{"group": "*", "kind": "*"}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": anywhere,
        },
    }


def apply_objects(admin: KubeClient, tracking: str, kubectl: tuple[str, ...]) -> None:
    """Put Argo CD's configuration into a cluster that has its CRDs, then ours as users do.

    Args:
        admin: Client of the cluster.
        tracking: How Argo CD marks what it applied.
        kubectl: The program, with the option that says how to reach the same cluster.
    """
    for manifest in build_objects(tracking):
        admin.apply(manifest)
    ours = ("--field-manager=steward", f"--filename={FOLDER / CONFIG_MAP}")
    run_kubectl(*kubectl, "apply", "--server-side", *ours)


def run_kubectl(*command: str) -> str:
    """Run kubectl and return what it printed.

    Raises:
        LabError: It failed.
    """
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=KUBECTL_SECONDS
    )
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
