"""Where Argo CD's scenarios play: a cluster in which the operator runs, whoever brought it up.

The scenarios know `Stage` alone. `run_lab_stage` makes one of the control-plane lab, with a kubelet
whose Pods run as processes where a scenario asks for it; `run_cluster_stage` takes any kubeconfig.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steward_api.meta import API_VERSION
from steward_argo.installing import run_kubectl
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_operator_lab.contract import Keeper, run_keeper
from steward_operator_lab.operating import MANIFESTS

ACCOUNT = "steward-argo-tests"
GARBAGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster with our kinds and a running operator that has a key and an archive.

    Attributes:
        kubeconfig: How to reach it as somebody who may do everything.
        admin: A client with the same rights.
        kubectl: The program.
        plane: The lab's control plane; None on a real cluster.
        kubelet: The lab's kubelet; None where Pods are Pods.
        keeper: The lab's operator; None where the chart installed it.
    """

    kubeconfig: Path
    admin: KubeClient
    kubectl: Path
    plane: ControlPlane | None = None
    kubelet: Kubelet | None = None
    keeper: Keeper | None = None

    def run_pods_of(self, namespace: str) -> None:
        """Let the Pods of a namespace really run; on a real cluster they do."""
        if self.kubelet is not None:
            self.kubelet.add_rule(Rule(Outcome.PROCESS, namespace=namespace))

    @contextlib.contextmanager
    def without_operator(self) -> Iterator[None]:
        """Freeze the lab's operator for a while; on a real cluster it goes on."""
        if self.keeper is None:
            yield
            return
        self.keeper.process.pause()
        try:
            yield
        finally:
            self.keeper.process.resume()

    def wait_garbage_collector(self, namespace: str) -> None:
        """Wait until the garbage collector knows our kinds, up to half a minute after their CRDs.

        It does when it removes a child of an Assistant that never was.
        """
        owner = {
            "apiVersion": API_VERSION,
            "kind": "Assistant",
            "name": "nobody",
            "uid": "00000000-0000-4000-8000-000000000000",
        }
        metadata = {"name": "orphan", "ownerReferences": [owner]}
        orphan = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self.admin.create(orphan, namespace)
        self.admin.wait_gone("v1/ConfigMap", "orphan", namespace, deadline_seconds=GARBAGE_SECONDS)


@contextlib.contextmanager
def run_lab_stage(folder: Path) -> Iterator[Stage]:
    """Run a control plane, a kubelet and an operator until the block ends.

    Args:
        folder: An empty folder for the operator's key and archive.
    """
    with ControlPlane() as plane, Kubelet(plane) as kubelet:
        plane.apply_crds(MANIFESTS)
        with run_keeper(plane, folder) as keeper:
            kubectl = plane.plant.binaries.kubectl
            yield Stage(plane.kubeconfig(), plane.admin, kubectl, plane, kubelet, keeper)


@contextlib.contextmanager
def run_cluster_stage(kubeconfig: Path, kubectl: Path, folder: Path) -> Iterator[Stage]:
    """Use a cluster in which Steward is installed, whatever its kubeconfig proves itself by.

    Args:
        kubeconfig: Of somebody who may do everything.
        kubectl: The program.
        folder: An empty folder for the certificate of the cluster's authority.
    """
    command = (str(kubectl), f"--kubeconfig={kubeconfig}")
    account = ("--namespace=kube-system", ACCOUNT)
    run_kubectl(*command, "create", "serviceaccount", *account)
    try:
        role = ("--clusterrole=cluster-admin", f"--serviceaccount=kube-system:{ACCOUNT}")
        run_kubectl(*command, "create", "clusterrolebinding", ACCOUNT, *role)
        token = run_kubectl(*command, "create", "token", *account, "--duration=4h").strip()
        view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        (entry,) = json.loads(run_kubectl(*command, *view))["clusters"]
        authority = folder / "authority.crt"
        authority.write_bytes(base64.b64decode(entry["cluster"]["certificate-authority-data"]))
        with KubeClient(entry["cluster"]["server"], authority, token) as admin:
            yield Stage(kubeconfig, admin, kubectl)
    finally:
        run_kubectl(*command, "delete", "clusterrolebinding", ACCOUNT, "--ignore-not-found")
        run_kubectl(*command, "delete", "serviceaccount", *account)
