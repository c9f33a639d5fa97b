"""The node's own place in every cgroup hierarchy of this machine, version 1 or 2.

A second kubelet kills what it finds in `/kubepods`, so the node works below `/steward-node`.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from steward_node.errors import NodeError
from steward_node.layout import CGROUP

ROOT = Path("/sys/fs/cgroup")
REMOVE_SECONDS = 20.0
POLL_SECONDS = 0.05
INHERITED = ("cpuset.cpus", "cpuset.mems")


def gather_hierarchies(root: Path = ROOT) -> tuple[Path, ...]:
    """Answers the mounted hierarchies: the root alone under version 2, else one per controller."""
    if (root / "cgroup.controllers").is_file():
        return (root,)
    return tuple(sorted(path for path in root.glob("*") if (path / "cgroup.procs").is_file()))


def create_cgroups(root: Path = ROOT) -> None:
    """Creates the node's cgroup everywhere; a cpuset of version 1 begins with its parent's."""
    for hierarchy in gather_hierarchies(root):
        folder = hierarchy / CGROUP
        folder.mkdir(exist_ok=True)
        for name in INHERITED:
            own, parent = folder / name, hierarchy / name
            if own.is_file() and parent.is_file() and not own.read_text("ascii").strip():
                own.write_text(parent.read_text("ascii"), "ascii")


def remove_cgroups(root: Path = ROOT) -> None:
    """Ends what still runs in the node's cgroups and removes them.

    Raises:
        NodeError: Something in them does not end.
    """
    deadline = time.monotonic() + REMOVE_SECONDS
    while left := gather_cgroups(root):
        for folder in left:
            remove_cgroup(folder)
        if gather_cgroups(root) and time.monotonic() > deadline:
            raise NodeError(f"cgroups cannot be removed: {', '.join(map(str, left[:3]))}")
        time.sleep(POLL_SECONDS)


def gather_cgroups(root: Path = ROOT) -> tuple[Path, ...]:
    """Answers the node's cgroups, the innermost first."""
    found = [
        Path(folder)
        for hierarchy in gather_hierarchies(root)
        if (hierarchy / CGROUP).is_dir()
        for folder, _, _ in os.walk(hierarchy / CGROUP)
    ]
    return tuple(sorted(found, key=lambda path: -len(path.parts)))


def remove_cgroup(folder: Path) -> None:
    """Kills what runs in a cgroup, and removes it if it is empty by now."""
    try:
        for line in (folder / "cgroup.procs").read_text("ascii").split():
            os.kill(int(line), signal.SIGKILL)
        folder.rmdir()
    except OSError:
        # Processes take a moment to end, and somebody else may have removed it.
        return
