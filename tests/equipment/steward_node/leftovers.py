"""Finds what a node has left on this machine; after `down` there must be nothing."""

from __future__ import annotations

import os
from pathlib import Path

from steward_node.cgroups import gather_cgroups
from steward_node.layout import UPLINK_PEER, Place

NET = Path("/sys/class/net")
PROC = Path("/proc")


def gather_leftovers(place: Place) -> tuple[str, ...]:
    """Answers processes, mounts, interfaces, cgroups and files of a node, one sentence each."""
    return (
        *(f"process {pid}: {words}" for pid, words in gather_processes(place)),
        *(f"mount {path}" for path in gather_mounts(place)),
        *(f"interface {name}" for name in (UPLINK_PEER,) if (NET / name).exists()),
        *(f"cgroup {path}" for path in gather_cgroups()),
        *(f"files {path}" for path in (place.data, place.supervisor) if path.exists()),
    )


def gather_processes(place: Place) -> tuple[tuple[int, str], ...]:
    """Answers the processes whose command line names the node's data."""
    mark = str(place.data)
    found = []
    for path in PROC.glob("[0-9]*/cmdline"):
        try:
            words = path.read_text(encoding="utf-8", errors="replace").replace("\0", " ")
        except OSError:
            continue
        pid = int(path.parent.name)
        if mark in words and pid != os.getpid():
            found.append((pid, words.strip()[:200]))
    return tuple(found)


def gather_mounts(place: Place) -> tuple[str, ...]:
    """Answers the mounts of this machine that lie in the node's folder or come from it."""
    lines = (PROC / "self" / "mountinfo").read_text(encoding="utf-8").splitlines()
    return tuple(line.split()[4] for line in lines if str(place.directory) in line)
