"""The router: makes hosts in namespaces of their own, wires them, loads the rules, and tries."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

GATEWAY: Final = "169.254.1.1"
"""The router's address on every wire."""
FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")

Question = dict[str, Any]


class _Machine:
    """A host's process, asked by lines of JSON."""

    def __init__(self) -> None:
        command = ("unshare", "--net", sys.executable, "-m", "steward_wires", "host")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tell({"do": "start"})

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, order: Question) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a host has no pipe")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def run(*command: str, text: str = "") -> None:
    """Run a command; its words are the error where it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")


def answer(question: Question) -> list[bool]:
    """Make the network of a question, and return which tries connect."""
    run("ip", "link", "set", "lo", "up")
    FORWARDING.write_text("1", encoding="ascii")
    machines: dict[str, _Machine] = {}
    for index, host in enumerate(question["hosts"]):
        machines[host["address"]] = _wire(index, host)
    run("nft", "-f", "-", text=question["table"])
    return [_try(machines, each) for each in question["tries"]]


def _wire(index: int, host: Question) -> _Machine:
    machine, wire, address = _Machine(), f"wire{index}", host["address"]
    inside = ("nsenter", "--target", str(machine.pid), "--net")
    run(*f"ip link add {wire} type veth peer name eth0 netns {machine.pid}".split())
    run(*f"ip addr add {GATEWAY}/32 dev {wire}".split())
    run(*f"ip link set {wire} up".split())
    run(*f"ip route add {address}/32 dev {wire}".split())
    run(*inside, *["ip", "link", "set", "lo", "up"])
    run(*inside, *f"ip addr add {address}/32 dev eth0".split())
    run(*inside, *["ip", "link", "set", "eth0", "up"])
    run(*inside, *f"ip route add {GATEWAY} dev eth0".split())
    run(*inside, *f"ip route add default via {GATEWAY}".split())
    machine.tell({"do": "listen", "address": address, "ports": host["ports"]})
    return machine


def _try(machines: Mapping[str, _Machine], each: Question) -> bool:
    order = {"do": "connect", "address": each["destination"], "port": each["port"]}
    return bool(machines[each["source"]].tell(order))
