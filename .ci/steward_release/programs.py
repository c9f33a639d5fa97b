"""Programs of the machine: found by name or missed with what to install, run with a time limit."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from steward_release.errors import BuildFailed, ToolMissing

TAIL_LINES: Final = 30
"""Lines of a failed program that are shown."""


def resolve_program(name: str, advice: str) -> str:
    """Return the path of a program.

    Raises:
        ToolMissing: if it is not on PATH; the text ends with the advice.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} is not installed: {advice}")
    return found


def run_program(
    *command: str | Path,
    timeout_seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Raises:
        BuildFailed: if it fails or takes too long; with its last lines.
    """
    shown = " ".join(str(part) for part in command[:4])
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as expired:
        raise BuildFailed(f"`{shown} ...` took more than {timeout_seconds:.0f} s") from expired
    if done.returncode:
        tail = (done.stdout + done.stderr).splitlines()[-TAIL_LINES:]
        raise BuildFailed(f"`{shown} ...` failed ({done.returncode}):\n" + "\n".join(tail))
    return done.stdout
