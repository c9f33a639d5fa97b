"""The commands of the conformance suite: cyclonus, its worker, agnhost, and a fast runner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steward_lab.building import build_set, report_to_stderr
from steward_lab.pins import BinarySet, Target
from steward_lab.toolchain import Report

CYCLONUS = "github.com/mattfenwick/cyclonus/cmd"

CONFORMANCE = BinarySet(
    name="NetworkPolicy conformance suite",
    targets=(
        Target("cyclonus", "cyclonus", f"{CYCLONUS}/cyclonus"),
        Target("cyclonus-worker", "cyclonus", f"{CYCLONUS}/worker"),
        Target("conformance", "cyclonus", "./conformance"),
        Target("agnhost", "kubernetes", "./agnhost"),
    ),
    duration="2 minutes on two cores",
    free_gib=2,
)


@dataclass(frozen=True, slots=True)
class ConformanceBinaries:
    """Where the commands lie."""

    directory: Path

    @property
    def cyclonus(self) -> Path:
        """The stock command, used for its offline analysis."""
        return self.directory / "cyclonus"

    @property
    def worker(self) -> Path:
        """What runs in the Pods of a case."""
        return self.directory / "cyclonus-worker"

    @property
    def agnhost(self) -> Path:
        """What the worker runs to connect."""
        return self.directory / "agnhost"

    @property
    def runner(self) -> Path:
        """The fast runner."""
        return self.directory / "conformance"


def build_conformance_binaries(report: Report = report_to_stderr) -> ConformanceBinaries:
    """Answers the commands, building them first when they are missing; see `build_set`."""
    return ConformanceBinaries(build_set(CONFORMANCE, report))
