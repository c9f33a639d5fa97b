"""Unpacks the previous release with `git archive`, once per commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

COMMIT: Final = "1630fce414c85cd07e0ad61777a96cc213dd94bd"
"""The commit that closed the first issue; each release moves it to the one before itself."""
CHECKOUT: Final = Path(__file__).resolve().parents[3]
HOUSES: Final = ("crds", "operator", "runtime", "tests/equipment")
MIGRATIONS: Final = "runtime/steward_runtime/storage/migrations"
_WRITE: Final = """
import pathlib, sys
from steward_serving import ConfigFiles, build_blueprint, build_memory, build_model
blueprint = build_blueprint(build_model(sys.argv[2]), memory=build_memory())
ConfigFiles(pathlib.Path(sys.argv[1])).write_all(blueprint)
"""


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """The previous release as a folder."""

    root: Path

    @property
    def manifests(self) -> Path:
        """Its CustomResourceDefinitions."""
        return self.root / "crds" / "manifests"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make this Python import its packages instead of ours."""
        return {"PYTHONPATH": os.pathsep.join(str(self.root / house) for house in HOUSES)}

    def build_command(self, module: str) -> tuple[str, ...]:
        """Return the command that runs one of its modules."""
        variables = tuple(f"{name}={value}" for name, value in self.environment.items())
        return ("env", *variables, sys.executable, "-m", module)

    def write_config(self, folder: Path, model_url: str) -> None:
        """Write Blueprint, trust and keys of an assistant with memory, as its own code does."""
        subprocess.run(
            [sys.executable, "-c", _WRITE, str(folder), model_url],
            env={**os.environ, **self.environment},
            check=True,
        )


def unpack_previous() -> PreviousRelease:
    """Return the previous release, unpacked below the user's cache.

    Raises:
        RuntimeError: if the checkout does not hold its commit, as a shallow clone does not.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = home / "steward" / "previous" / COMMIT
    if root.is_dir():
        return PreviousRelease(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root.parent))
    packed = subprocess.run(
        ["git", "archive", COMMIT, *HOUSES],
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
    )
    if packed.returncode != 0:
        raise RuntimeError(
            f"the checkout lacks commit {COMMIT}, the previous release: fetch the whole history"
        )
    subprocess.run(["tar", "-x", "-C", str(partial)], input=packed.stdout, check=True)
    try:
        partial.rename(root)
    except OSError:  # somebody else was faster
        shutil.rmtree(partial)
    return PreviousRelease(root)


def find_differences(previous: PreviousRelease, folder: str, suffix: str) -> frozenset[str]:
    """Return names of files in `folder` that differ or exist on one side only."""
    before = {path.name: path.read_bytes() for path in (previous.root / folder).glob(suffix)}
    now = {path.name: path.read_bytes() for path in (CHECKOUT / folder).glob(suffix)}
    return frozenset(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )
