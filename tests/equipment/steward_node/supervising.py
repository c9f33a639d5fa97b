"""Recognises, records and ends the process that holds the node, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from steward_node.errors import NodeError
from steward_node.layout import Place

STOP_SECONDS = 20.0
POLL_SECONDS = 0.05


def read_start_time(pid: int) -> str:
    """Answers when a process began, in clock ticks since boot; "" where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # After the command in parentheses, which may hold spaces: state is field 3, start time 22.
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def write_supervisor(place: Place, pid: int, owner: int | None = None) -> None:
    """Records the supervisor so that a later run recognises it, and nothing else, by its id.

    Args:
        place: Folder of the node.
        pid: The supervisor.
        owner: The process that the node dies with; None where it stays.
    """
    recorded: dict[str, object] = {"pid": pid, "started": read_start_time(pid)}
    if owner is not None:
        recorded |= {"owner": owner, "owner_started": read_start_time(owner)}
    place.supervisor.write_text(json.dumps(recorded), encoding="utf-8")


def read_owner(place: Place) -> int | None:
    """Answers the living process that the running node belongs to, or None."""
    if read_supervisor(place) is None:
        return None
    recorded = json.loads(place.supervisor.read_text(encoding="utf-8"))
    owner = recorded.get("owner")
    if owner is None or read_start_time(int(owner)) != recorded["owner_started"]:
        return None
    return int(owner)


def read_supervisor(place: Place) -> int | None:
    """Answers the process id of the running supervisor, or None."""
    try:
        recorded = json.loads(place.supervisor.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    pid = int(recorded["pid"])
    started = read_start_time(pid)
    return pid if started and started == recorded["started"] else None


def gather_children(pid: int) -> tuple[int, ...]:
    """Answers the process ids of the children of a process; none where it is gone."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return tuple(int(word) for word in path.read_text("ascii").split())
    except (FileNotFoundError, ProcessLookupError):
        return ()


def end_supervisor(pid: int) -> None:
    """Kills the supervisor; its child dies with it, and the kernel ends all of the node.

    Raises:
        NodeError: It does not end.
    """
    started = read_start_time(pid)
    children = gather_children(pid)
    for victim in (*children, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + STOP_SECONDS
    while read_start_time(pid) == started or any(map(read_start_time, children)):
        if time.monotonic() > deadline:
            raise NodeError(f"process {pid} of the node does not end")
        time.sleep(POLL_SECONDS)


def read_progress(place: Place) -> dict[str, object]:
    """Answers what the first process last said."""
    try:
        said: dict[str, object] = json.loads(place.progress.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return said
