"""The scheduler's process, and nodes as it reads them."""

from __future__ import annotations

from typing import Final

from steward_lab.building import build_set
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.pins import BinarySet, Target
from steward_lab.processes import ChildProcess

# Compiled after the control plane, whose build cache it shares: 9 s on two cores.
SCHEDULER: Final = BinarySet(
    name="scheduler",
    targets=(Target("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),),
    duration="10 seconds after the control plane",
    free_gib=1,
)
ZONE_LABEL: Final = "topology.kubernetes.io/zone"


class Scheduler:
    """The scheduler of one control plane, with its defaults."""

    def __init__(self, plane: ControlPlane) -> None:
        """Prepare it; `start` starts it."""
        command = (
            str(build_set(SCHEDULER) / "kube-scheduler"),
            f"--kubeconfig={plane.kubeconfig()}",
            f"--authentication-kubeconfig={plane.kubeconfig()}",
            f"--authorization-kubeconfig={plane.kubeconfig()}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--secure-port=0",
        )
        self._process = ChildProcess("scheduler", command, plane.directory)

    def start(self) -> None:
        """Start it."""
        self._process.start()

    def check_running(self) -> None:
        """Say why it ended, if it did.

        Raises:
            StartError: if it is not running.
        """
        self._process.check_running()

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()


def add_node(admin: KubeClient, name: str, zone: str) -> None:
    """Add a node of a zone with room for everything."""
    admin.create(_build_node(name, zone))
    # Admission marks a new node as not ready, and the lab runs no controller that looks again.
    admin.patch("v1/Node", name, None, body={"spec": {"taints": None}})


def _build_node(name: str, zone: str) -> Manifest:
    room = {"cpu": "8", "memory": "32Gi", "pods": "100"}
    ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "for a test"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {ZONE_LABEL: zone}},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }
