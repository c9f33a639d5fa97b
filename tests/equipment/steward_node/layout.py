"""Where the parts of a node lie and which addresses they have.

Paths below `/run`, `/var/lib` and `/var/log` are the node's own: inside its mount namespace these
three show folders of the node's data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "steward-node"
BRIDGE = "cni0"
NODE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
API_PORT = 6443
# A pair of interfaces joins the node's network to this machine's, so that kubectl reaches the API
# server. Of the range for benchmarks of network devices (RFC 2544), which nothing real uses.
UPLINK = "steward-uplink"
UPLINK_PEER = "steward-node"
MACHINE_ADDRESS = "198.18.255.1"
UPLINK_ADDRESS = "198.18.255.2"
UPLINK_BITS = 30
# Destinations of tests on the node's loopback: a metadata service, and documentation addresses
# (RFC 5737) that stand for hosts outside the cluster.
METADATA_ADDRESS = "169.254.169.254"
OUTSIDE_ADDRESSES = ("198.51.100.7", "203.0.113.9")
CGROUP = "steward-node"
PAUSE_IMAGE = "localhost/pause:1"
COREDNS_IMAGE = "localhost/coredns:1"
PODTOOL_IMAGE = "localhost/podtool:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
VOLUMES = "/var/lib/steward-volumes"
# Folders of the machine that the node sees its own version of, and their places in its data.
COVERED = {"/run": "run", "/var/lib": "var-lib", "/var/log": "var-log"}


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the one node of this machine and user."""

    directory: Path

    @property
    def data(self) -> Path:
        """What the node writes; removed by `down`."""
        return self.directory / "data"

    @property
    def configuration(self) -> Path:
        """Configuration files, keys and kubeconfigs of the running node."""
        return self.data / "configuration"

    @property
    def logs(self) -> Path:
        """Logs of the node's processes."""
        return self.data / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use on this machine."""
        return self.configuration / "admin.kubeconfig"

    @property
    def progress(self) -> Path:
        """What the node's first process says of how far it is."""
        return self.data / "progress.json"

    @property
    def supervisor(self) -> Path:
        """Process id and start time of the process that holds the node."""
        return self.directory / "supervisor.json"

    @property
    def lock(self) -> Path:
        """Held while somebody brings the node up or down."""
        return self.directory / "lock"


def gather_place() -> Place:
    """Answers the node's folder: in `XDG_CACHE_HOME` or `~/.cache`, outside any checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Place(Path(base) / "steward" / "node")
