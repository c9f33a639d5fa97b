"""The node's first process: runs as process 1 in the node's namespaces and starts the rest.

`python -m steward_node.inside SPECIFICATION`, with a JSON file of `Orders`. It covers the three
folders that are the node's own, sets up the network, starts the processes in order, and then
takes in orphans until it is told to stop. When it ends, the kernel ends everything else.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steward_lab.errors import LabError
from steward_lab.processes import ChildProcess
from steward_node.errors import NodeStartError
from steward_node.layout import (
    API_PORT,
    BRIDGE,
    CONTAINERD_SOCKET,
    COVERED,
    METADATA_ADDRESS,
    NODE_ADDRESS,
    OUTSIDE_ADDRESSES,
    UPLINK,
    UPLINK_ADDRESS,
    UPLINK_BITS,
    VOLUMES,
)

COMMAND_SECONDS = 20
READY_SECONDS = 90.0
POLL_SECONDS = 0.05
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    # Bridged packets between Pods must pass the filters of the forward hook.
    "net/bridge/bridge-nf-call-iptables": "1",
}


@dataclass(frozen=True, slots=True)
class Orders:
    """What the first process is told.

    Attributes:
        data: Folder of the node's data.
        logs: Folder of the processes' logs.
        progress: File that says how far it is.
        path: `PATH` of the processes.
        commands: Command lines by name, in order of start.
    """

    data: Path
    logs: Path
    progress: Path
    path: str
    commands: Mapping[str, tuple[str, ...]]


def parse_orders(text: str) -> Orders:
    """Reads what `render_orders` wrote."""
    given = json.loads(text)
    return Orders(
        data=Path(given["data"]),
        logs=Path(given["logs"]),
        progress=Path(given["progress"]),
        path=given["path"],
        commands={name: tuple(argv) for name, argv in given["commands"].items()},
    )


def render_orders(orders: Orders) -> str:
    """Answers the JSON of some orders."""
    return json.dumps(
        {
            "data": str(orders.data),
            "logs": str(orders.logs),
            "progress": str(orders.progress),
            "path": orders.path,
            "commands": orders.commands,
        }
    )


def run(*command: str) -> None:
    """Runs a short system command.

    Raises:
        NodeStartError: It failed; the message holds its words.
    """
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    if done.returncode:
        raise NodeStartError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def cover_folders(data: Path) -> None:
    """Lets the node see folders of its own where containers' programs have fixed paths."""
    run("mount", "--make-rshared", "/")
    for path, name in COVERED.items():
        (data / name).mkdir(parents=True, exist_ok=True)
        if name == "run":
            run("mount", "-t", "tmpfs", "-o", "mode=755", "node", path)
        else:
            run("mount", "--bind", str(data / name), path)
    for folder in ("/var/log/pods", VOLUMES):
        Path(folder).mkdir(exist_ok=True)


def set_up_network() -> None:
    """Makes the bridge and the addresses; the uplink must be there already."""
    for key, value in SYSCTLS.items():
        Path("/proc/sys", key).write_text(value, encoding="ascii")
    run("ip", "link", "set", "lo", "up")
    for address in (METADATA_ADDRESS, *OUTSIDE_ADDRESSES):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("ip", "link", "add", "name", BRIDGE, "type", "bridge")
    run("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    wait_until("the uplink", lambda: Path(f"/proc/sys/net/ipv4/conf/{UPLINK}").exists())
    run("ip", "address", "add", f"{UPLINK_ADDRESS}/{UPLINK_BITS}", "dev", UPLINK)
    run("ip", "link", "set", UPLINK, "up")


def wait_until(what: str, check: Callable[[], bool], *children: ChildProcess) -> None:
    """Polls until a check holds.

    Raises:
        NodeStartError: It did not in time, or a process ended.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not check():
        for child in children:
            child.check_running()
        if time.monotonic() > deadline:
            tails = "\n".join(child.read_log_tail() for child in children)
            raise NodeStartError(f"waited {READY_SECONDS} s for {what}; logs end with\n{tails}")
        time.sleep(POLL_SECONDS)


def is_api_ready() -> bool:
    """Whether the API server says that it serves; it answers this to anybody."""
    # Who answers on the node's own loopback is our own server.
    context = ssl._create_unverified_context()  # noqa: S323
    address = f"https://127.0.0.1:{API_PORT}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=2, context=context) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, OSError):
        return False


READINESS: Mapping[str, Callable[[], bool]] = {
    "kube-apiserver": is_api_ready,
    "containerd": lambda: Path(CONTAINERD_SOCKET).is_socket(),
}
"""What must hold before the next process starts."""


class FirstProcess:
    """Process 1 of the node."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._children: list[ChildProcess] = []
        self._stopping = threading.Event()

    def run(self) -> None:
        """Starts everything, then stays until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            self._start()
        except (LabError, OSError, subprocess.SubprocessError) as error:
            self._say(failure=str(error))
            raise SystemExit(1) from None
        self._say(is_ready=True)
        while not self._stopping.wait(1.0):
            self._take_in_orphans()

    def _start(self) -> None:
        self._say(step="file system")
        cover_folders(self._orders.data)
        self._say(step="network")
        set_up_network()
        # Before any of them forks: none may look for its parts elsewhere.
        os.environ["PATH"] = self._orders.path
        for name, argv in self._orders.commands.items():
            self._say(step=name)
            child = ChildProcess(name, argv, self._orders.logs)
            self._children.append(child)
            child.start()
            if name in READINESS:
                wait_until(name, READINESS[name], *self._children)
        for child in self._children:
            child.check_running()

    def _say(self, **words: Any) -> None:
        """Writes how far it is, whole or not at all."""
        partial = self._orders.progress.with_suffix(".partial")
        partial.write_text(json.dumps(words), encoding="utf-8")
        partial.replace(self._orders.progress)

    def _take_in_orphans(self) -> None:
        """Buries what nobody else waits for, and ends the node when one of its own ended."""
        own = {child.pid for child in self._children}
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            if found.si_pid in own:
                self._report_end()
                return
            os.waitpid(found.si_pid, 0)

    def _report_end(self) -> None:
        for child in self._children:
            try:
                child.check_running()
            except LabError as error:
                self._say(failure=str(error))
                sys.stderr.write(f"{error}\n")
                self._stopping.set()


def main() -> None:
    """Reads the orders and obeys."""
    FirstProcess(parse_orders(Path(sys.argv[1]).read_text(encoding="utf-8"))).run()


if __name__ == "__main__":
    main()
