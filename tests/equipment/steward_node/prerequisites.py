"""Says what this machine lacks for a node, before anything is built or started."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from steward_lab.pins import REPOSITORY
from steward_node.cgroups import gather_hierarchies
from steward_node.errors import PrerequisiteError
from steward_node.layout import COVERED, Place

TRIAL_SECONDS = 30
# Commands and the Debian package of each.
COMMANDS = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
# Each is tried in namespaces of its own, which vanish with the trial.
TRIALS = {
    "bridges (CONFIG_BRIDGE)": "ip link add name cni0 type bridge",
    "pairs of interfaces (CONFIG_VETH)": "ip link add name trial0 type veth peer name trial1",
    "packet filters (CONFIG_NF_TABLES, NFT_CT)": (
        "nft 'table inet t { chain f { type filter hook forward priority filter; "
        "ct state established accept; }; }'"
    ),
    "address translation (CONFIG_NFT_NAT)": (
        "nft 'table ip t { chain n { type nat hook prerouting priority dstnat; "
        "tcp dport 1 dnat to 10.0.0.1:2; }; }'"
    ),
    "filters for bridged packets (CONFIG_BRIDGE_NETFILTER)": (
        "test -e /proc/sys/net/bridge/bridge-nf-call-iptables"
    ),
    "overlay file systems (CONFIG_OVERLAY_FS)": (
        "mount -t tmpfs t /srv && mkdir /srv/a /srv/b /srv/c && "
        "mount -t overlay t -o lowerdir=/etc,upperdir=/srv/a,workdir=/srv/b /srv/c"
    ),
}
NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork")


def check_prerequisites(place: Place) -> None:
    """Checks everything and tells all of it at once.

    Raises:
        PrerequisiteError: The machine lacks something.
    """
    lacking = gather_lacking(place)
    if lacking:
        raise PrerequisiteError(lacking)


def gather_lacking(place: Place) -> tuple[str, ...]:
    """Answers what the machine lacks, one sentence each."""
    if sys.platform != "linux":
        return (f"Linux: this is {platform.system()}; use CLUSTER=current with a cluster of yours",)
    if os.geteuid() != 0:
        return ("root: run it as root, or use CLUSTER=current with a cluster of yours",)
    missing = {package for command, package in COMMANDS.items() if shutil.which(command) is None}
    if missing:
        packages = " ".join(sorted(missing))
        return (f"commands of these Debian packages: apt-get install {packages}",)
    return (*gather_lacking_controllers(), *gather_lacking_features(), *gather_covered(place))


def gather_lacking_controllers() -> tuple[str, ...]:
    """Answers which cgroup controllers are not mounted; version 2 has them all in one place."""
    hierarchies = gather_hierarchies()
    if len(hierarchies) == 1:
        return ()
    names = {hierarchy.name for hierarchy in hierarchies}
    missing = [name for name in CONTROLLERS if name not in names]
    return (f"cgroup controllers below /sys/fs/cgroup: {', '.join(missing)}",) if missing else ()


def gather_lacking_features() -> tuple[str, ...]:
    """Answers which features of the kernel are missing, by trying each."""
    return tuple(
        f"the kernel's {feature}: {words}"
        for feature, script in TRIALS.items()
        if (words := try_script(script))
    )


def try_script(script: str) -> str:
    """Runs a shell script in fresh namespaces; answers its last words if it failed, else ""."""
    done = subprocess.run(
        (*NAMESPACES, "sh", "-c", script),
        check=False,
        capture_output=True,
        text=True,
        timeout=TRIAL_SECONDS,
    )
    lines = done.stderr.strip().splitlines() or ["it failed without a word"]
    return lines[-1] if done.returncode else ""


def gather_covered(place: Place) -> tuple[str, ...]:
    """Answers which paths of ours the node would cover with its own folders."""
    ours = (REPOSITORY, place.directory, Path(sys.prefix), Path(sys.base_prefix))
    return tuple(
        f"{path} outside {folder}, of which the node sees its own: move it, or set XDG_CACHE_HOME"
        for folder in COVERED
        for path in ours
        if path.resolve().is_relative_to(folder)
    )
