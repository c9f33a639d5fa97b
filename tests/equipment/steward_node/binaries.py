"""The commands of a node, built like the control plane's and cached under their own digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steward_lab.building import Binaries, build_binaries, build_set, report_to_stderr
from steward_lab.pins import BinarySet, Target
from steward_lab.toolchain import Report

CONTAINERD = "github.com/containerd/containerd/v2/cmd"
PLUGINS = "github.com/containernetworking/plugins/plugins"

# After the control plane, whose build cache most of it shares.
NODE = BinarySet(
    name="node",
    targets=(
        Target("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
        Target("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
        Target("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
        Target("coredns", "kubernetes", "./coredns"),
        Target("podtool", "kubernetes", "./podtool"),
        Target("containerd", "containerd", f"{CONTAINERD}/containerd"),
        Target("containerd-shim-runc-v2", "containerd", f"{CONTAINERD}/containerd-shim-runc-v2"),
        Target("ctr", "containerd", f"{CONTAINERD}/ctr"),
        Target("bridge", "cni", f"{PLUGINS}/main/bridge"),
        Target("loopback", "cni", f"{PLUGINS}/main/loopback"),
        Target("host-local", "cni", f"{PLUGINS}/ipam/host-local"),
    ),
    duration="4 to 6 minutes on two cores",
    free_gib=5,
)


@dataclass(frozen=True, slots=True)
class NodeBinaries:
    """Where the commands of a node lie.

    Attributes:
        plane: The control plane's.
        directory: Folder of the node's own; also holds the CNI plugins.
    """

    plane: Binaries
    directory: Path


def build_node_binaries(report: Report = report_to_stderr) -> NodeBinaries:
    """Answers all commands of a node, building first what is missing; see `build_set`."""
    plane = build_binaries(report)
    return NodeBinaries(plane, build_set(NODE, report))
