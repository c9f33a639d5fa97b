"""Runs the stages of `make test` and `.ci/run` one after the other, and says how long each took.

All stages run, so that one failure does not hide another; the exit code is 1 if any failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PYTEST_OPTIONS: Final = ("-m", "pytest", "--quiet")
PYTEST: Final = (sys.executable, *PYTEST_OPTIONS)
SECOND_PYTHON: Final = "3.13"
"""What the images run; the first one is the oldest that is supported."""
UNIT_FOLDERS: Final = (
    "api",
    "argo",
    "operator",
    "cli",
    "chart",
    "runtime",
    "flows",
    "golden",
    "properties",
    "effects",
    "lab",
    "release",
)
WORKERS: Final = str(min(4, os.cpu_count() or 1))
"""Tests beside each other; more than 4 compete for memory rather than help."""


CLUSTER_OPTIONS: Final = ("-n", "2", "--dist", "loadfile", "--durations", "15")
"""Two control planes beside each other, and the tests that are worth making quicker."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One command with a name."""

    name: str
    command: tuple[str, ...]


def build_unit_command(python: str) -> tuple[str, ...]:
    """Return the command of all tests that need neither a control plane nor a model."""
    folders = tuple(f"tests/{name}" for name in UNIT_FOLDERS if (ROOT / "tests" / name).is_dir())
    return (python, *PYTEST_OPTIONS, "-n", WORKERS, "-m", "not cluster and not model", *folders)


def build_test_stages() -> tuple[Stage, ...]:
    """Return what `make test` does: static checks, then tests from quick to slow."""
    stages = [
        Stage("check", ("make", "--no-print-directory", "check")),
        Stage("unit", build_unit_command(sys.executable)),
        Stage("cluster", (*PYTEST, *CLUSTER_OPTIONS, "-m", "cluster and not long", "tests")),
        Stage("model", (*PYTEST, "-m", "model and not cluster", "tests")),
        Stage("mutate", ("make", "--no-print-directory", "mutate", "FIELDS=changed")),
    ]
    return tuple(stages)


def build_ci_stages() -> tuple[Stage, ...]:
    """Return what `.ci/run` does after `make setup`: the README's commands, and what takes longer.

    That is a second Python, the cluster tests that take minutes each, and a real node.
    """
    second = (sys.executable, ".ci/second_python.py", SECOND_PYTHON)
    stages = [
        *build_test_stages(),
        Stage(f"unit {SECOND_PYTHON}", second),
        Stage("long", (*PYTEST, *CLUSTER_OPTIONS, "-m", "cluster and long", "tests")),
    ]
    if (ROOT / "examples" / "01-helpdesk" / "demo.py").is_file():
        stages.append(Stage("demo", ("make", "--no-print-directory", "demo")))
    stages.append(Stage("e2e", ("make", "--no-print-directory", "e2e")))
    return tuple(stages)


def run_stage(stage: Stage) -> tuple[int, float]:
    """Run one stage; return its exit code and its minutes."""
    sys.stdout.write(f"\n== {stage.name}: {' '.join(stage.command)}\n")
    sys.stdout.flush()
    begun = time.monotonic()
    code = subprocess.run(stage.command, cwd=ROOT, check=False).returncode
    return code, (time.monotonic() - begun) / 60


def main() -> int:
    """Run the stages of the word given: `test` or `ci`."""
    words = {"test": build_test_stages, "ci": build_ci_stages}
    stages = words[sys.argv[1]]()
    results = [(stage, *run_stage(stage)) for stage in stages]
    sys.stdout.write("\nstage      minutes  result\n")
    for stage, code, minutes in results:
        sys.stdout.write(f"{stage.name:<10} {minutes:7.1f}  {'ok' if code == 0 else 'FAILED'}\n")
    failed = sum(1 for _, code, _ in results if code)
    sys.stdout.write(f"stages: {len(results) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
