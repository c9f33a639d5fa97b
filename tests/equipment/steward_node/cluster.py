"""What end-to-end tests see of a cluster: this machine's node, or one that the user has.

`CLUSTER=current` takes the cluster of `KUBECONFIG` (or of kubectl's own default), with kubectl
from `PATH`; images must be where its nodes find them. `CLUSTER=node` takes the node that
`python -m steward_node up` brought up, and leaves it there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steward_lab.errors import LabError
from steward_lab.processes import ChildProcess
from steward_lab.toolchain import Report
from steward_lab.waiting import wait_until
from steward_node.configuration import ENFORCER
from steward_node.errors import NodeError
from steward_node.layout import POD_RANGE
from steward_node.node import Node

Manifest = dict[str, Any]

KUBECTL_SECONDS = 300.0
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and the kubectl to talk to it.

    Attributes:
        kubeconfig: Whom to talk as.
        kubectl_path: The client.
        node: This machine's node; None where the cluster is the user's.
    """

    kubeconfig: Path
    kubectl_path: Path
    node: Node | None = None

    def try_kubectl(
        self, *arguments: str, text: str | None = None, seconds: float = KUBECTL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl and answers how it ended."""
        return subprocess.run(
            (str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}", *arguments),
            check=False,
            capture_output=True,
            text=True,
            input=text,
            timeout=seconds,
        )

    def kubectl(
        self, *arguments: str, text: str | None = None, seconds: float = KUBECTL_SECONDS
    ) -> str:
        """Runs kubectl and answers what it printed.

        Raises:
            LabError: It failed; the message holds its words.
        """
        done = self.try_kubectl(*arguments, text=text, seconds=seconds)
        if done.returncode:
            raise LabError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def read(self, *arguments: str) -> Any:
        """Answers what `kubectl get` says as JSON."""
        return json.loads(self.kubectl("get", "--output=json", *arguments))

    def apply(self, *manifests: Manifest) -> None:
        """Applies some objects on the server's side."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "--server-side", "--filename=-", text=json.dumps(listed))

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Makes a namespace that admits Pods of the restricted level only."""
        metadata = {"name": name, "labels": {**RESTRICTED, **(labels or {})}}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def load_images(self, *archives: Path) -> tuple[str, ...]:
        """Gives the node the images of some archives; a cluster of the user's has them already."""
        if self.node is None:
            return ()
        return tuple(name for path in archives for name in self.node.import_image(path))


class Enforcement:
    """NetworkPolicies enforced on the node while it runs."""

    def __init__(self, node: Node, *, is_rejecting: bool = False) -> None:
        """Prepares it; with `is_rejecting` probes that are refused end at once."""
        self._status = node.place.data / "enforced.json"
        options = (f"--pod-range={POD_RANGE}", f"--status={self._status}")
        command = (
            *node.enter(),
            sys.executable,
            "-m",
            "steward_netpol",
            "enforce",
            f"--kubeconfig={node.place.configuration / f'{ENFORCER}.kubeconfig'}",
            *options,
            *(("--reject",) if is_rejecting else ()),
        )
        equipment = str(Path(__file__).resolve().parents[1])
        self.process = ChildProcess(
            "enforcer", ("env", f"PYTHONPATH={equipment}", *command), node.place.logs
        )

    def start(self) -> None:
        """Starts it and waits until its first table is loaded."""
        self._status.unlink(missing_ok=True)
        self.process.start()

        def is_loaded() -> bool:
            self.process.check_running()
            return self._status.exists()

        wait_until(is_loaded, "the first load of the enforcer")

    def stop(self) -> None:
        """Ends it; it takes its table with it."""
        self.process.stop()

    def read_versions(self) -> dict[str, str]:
        """Answers the resource versions of Pods, namespaces and policies that are in force."""
        found: dict[str, str] = json.loads(self._status.read_text(encoding="utf-8"))
        return found


@contextlib.contextmanager
def open_cluster(report: Report) -> Iterator[Cluster]:
    """Gives the cluster that the tests use: the node, or the user's with `CLUSTER=current`.

    Raises:
        PrerequisiteError: The machine cannot run a node.
        NodeError: There is no cluster where the user points.
    """
    wanted = os.environ.get("CLUSTER", "")
    if wanted == "current":
        yield find_current()
        return
    if wanted == "node":
        node = Node(report)
        node.attach()
        yield Cluster(node.kubeconfig, node.binaries.plane.kubectl, node)
        return
    if wanted:
        raise NodeError(f"CLUSTER={wanted} means nothing: say CLUSTER=current, or leave it out")
    with Node(report) as node:
        yield Cluster(node.kubeconfig, node.binaries.plane.kubectl, node)


def find_current() -> Cluster:
    """Answers the cluster that kubectl talks to.

    Raises:
        NodeError: There is no kubectl, no kubeconfig, or nobody answers.
    """
    kubectl = shutil.which("kubectl")
    kubeconfig = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if kubectl is None or not kubeconfig.is_file():
        raise NodeError("CLUSTER=current needs kubectl in PATH and a file that KUBECONFIG names")
    cluster = Cluster(kubeconfig, Path(kubectl))
    answer = cluster.try_kubectl("get", "--raw", "/readyz", seconds=30)
    if answer.returncode:
        raise NodeError(f"the cluster of {kubeconfig} does not answer: {answer.stderr.strip()}")
    return cluster
