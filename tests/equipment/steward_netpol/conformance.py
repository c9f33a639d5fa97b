"""Runs generated cases of cyclonus against the enforcer of this machine's node."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steward_lab.toolchain import Report
from steward_netpol.binaries import ConformanceBinaries

# Names that cyclonus asks for; a node has them imported and never pulls.
WORKER_IMAGE = "docker.io/mfenwick100/cyclonus-worker:latest"
NAMESPACES = ("x", "y", "z")
LINE = re.compile(r"^CASE (\d+)/(\d+) (ok|FAILED) ([\d.]+)s (.*)$")
RESULT = re.compile(r"^RESULT ran=(\d+) failed=(\d+)$", re.MULTILINE)
RUN_SECONDS = 1200
# A refused probe is answered by ICMP, which the kernel limits to one per second and target.
SYSCTLS = {
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "100000",
    "net/ipv4/icmp_msgs_burst": "100000",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases run.

    Attributes:
        include: Tags of which a case must have one.
        exclude: Tags of which it may have none.
        destination: How probes name their target; "" as each case says, which cases that create
            or relabel Pods need.
        every: Each how many-th case.
        limit: How many at most; 0: all.
    """

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ("sctp",)
    destination: str = ""
    every: int = 1
    limit: int = 0

    def render(self) -> tuple[str, ...]:
        """Answers the options of the runner."""
        return (
            f"--include={','.join(self.include)}",
            f"--exclude={','.join(self.exclude)}",
            f"--destination-type={self.destination}",
            f"--every={self.every}",
            f"--limit={self.limit}",
        )


RULES = Selection(
    include=(
        "target",
        "peer-ipblock",
        "end-port",
        "named-port",
        "deny-all",
        "allow-all",
        "namespaces-by-default-label",
        "pathological",
    ),
    exclude=("multi-peer", "sctp", "action", "upstream-e2e"),
    destination="service-ip",
)
ACTIONS = Selection(include=("action",))
UPSTREAM = Selection(include=("upstream-e2e",))

FULL = (RULES, ACTIONS, UPSTREAM)
"""73 cases or so: what a policy can say, changes while it is in force, and Kubernetes' own."""
SAMPLE = (
    Selection(RULES.include, RULES.exclude, RULES.destination, every=4, limit=13),
    Selection(ACTIONS.include, every=3, limit=3),
    Selection(UPSTREAM.include, every=3, limit=4),
)
"""20 cases out of the same."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went.

    Attributes:
        failed: Descriptions of the cases that failed.
        output: All that was printed.
    """

    ran: int
    failed: tuple[str, ...]
    output: str


def run_selection(
    binaries: ConformanceBinaries, kubeconfig: Path, selection: Selection, report: Report
) -> Outcome:
    """Runs the cases of one selection, reporting each as it ends.

    Raises:
        subprocess.CalledProcessError: The runner itself failed.
    """
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    command = (str(binaries.runner), *selection.render())
    lines: list[str] = []
    failed: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in follow(process.stdout, lines):
            report(f"cyclonus {line}")
            found = LINE.match(line)
            if found is not None and found.group(3) == "FAILED":
                failed.append(found.group(5))
    output = "".join(lines)
    result = RESULT.search(output)
    if result is None:
        raise subprocess.CalledProcessError(process.returncode, command, output[-4000:])
    return Outcome(int(result.group(1)), tuple(failed), output)


def follow(stream: Iterator[str], kept: list[str]) -> Iterator[str]:
    """Keeps every line and yields those that tell of a case."""
    for line in stream:
        kept.append(line)
        if LINE.match(line):
            yield line.strip()
