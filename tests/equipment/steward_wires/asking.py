"""Asks who can connect to whom, in a process that has a network of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ASK_SECONDS: Final = 60
_EQUIPMENT: Final = Path(__file__).resolve().parents[1]


class WiresError(RuntimeError):
    """The network could not be made; the text says what was missing."""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine on the router, a Pod or something outside the cluster.

    Attributes:
        address: Its IPv4 address.
        ports: TCP ports that it listens on.
    """

    address: str
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to connect, by addresses of hosts."""

    source: str
    destination: str
    port: int


def ask(table: str, hosts: Sequence[Host], tries: Sequence[Try]) -> tuple[bool, ...]:
    """Wire the hosts to a router that has the nftables table, and return which tries connect.

    Raises:
        WiresError: if this machine cannot make such a network.
    """
    own_user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    command = ("unshare", *own_user, "--net", sys.executable, "-m", "steward_wires", "router")
    question = {
        "table": table,
        "hosts": [asdict(host) for host in hosts],
        "tries": [asdict(each) for each in tries],
    }
    done = subprocess.run(
        command,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": str(_EQUIPMENT)},
    )
    if done.returncode:
        raise WiresError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return tuple(bool(each) for each in json.loads(done.stdout))
