"""What each image is made of: its files, their digest, and the commit that last changed them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_release.errors import BuildFailed
from steward_release.pins import ROOT
from steward_release.programs import run_program

RECIPE: Final = "1"
"""Raise it when the way of building changes without a change of any input."""
EPOCH_WITHOUT_COMMIT: Final = 315_532_800
"""1980-01-01, the first time that a zip file can hold: outside a git checkout."""
WHEEL_SOURCES: Final = (
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "crds/steward_api",
    "operator/steward_cli",
    "operator/steward_operator",
    "runtime/steward_runtime",
    "requirements/build.txt",
)
"""Everything that decides the bytes of the wheel, the lock of its build backend included."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its name without registry and tag, its Dockerfile, and what else goes in."""

    name: str
    dockerfile: str
    parts: tuple[str, ...]
    """Files and folders of the checkout that its Dockerfile copies."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that the build sees."""
        return (*self.parts, self.dockerfile)


IMAGES: Final = (
    Image("steward-operator", "operator/Dockerfile", (*WHEEL_SOURCES, "requirements/operator.txt")),
    Image("steward-runtime", "runtime/Dockerfile", (*WHEEL_SOURCES, "requirements/runtime.txt")),
    Image(
        "steward-demo-model",
        "examples/model/Dockerfile",
        (
            "LICENSE",
            "examples/model/serve.py",
            "operator/steward_cli/__init__.py",
            "operator/steward_cli/errors.py",
            "operator/steward_cli/local/__init__.py",
            "operator/steward_cli/local/embedder_server.py",
            "operator/steward_cli/local/errors.py",
            "operator/steward_cli/local/model_server.py",
            "requirements/demo-model.txt",
            "requirements/weights.txt",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Revision:
    """The commit that last changed some sources."""

    commit: str
    """Its id, with `-dirty` where files differ from it; `unknown` outside a git checkout."""
    epoch: int
    """Its time in seconds since 1970."""


def gather_files(sources: Iterable[str], root: Path = ROOT) -> tuple[Path, ...]:
    """Return every file of the sources, relative to the root, sorted; caches are passed over.

    Raises:
        FileNotFoundError: if a source does not exist.
    """
    found: set[Path] = set()
    for source in sources:
        path = root / source
        if not path.exists():
            raise FileNotFoundError(f"{source} is missing in {root}")
        files = path.rglob("*") if path.is_dir() else (path,)
        found.update(file.relative_to(root) for file in files if _is_source(file))
    return tuple(sorted(found))


def digest_files(files: Iterable[Path], root: Path = ROOT) -> str:
    """Return one digest over names, execution bits and bytes of files."""
    digest = hashlib.sha256(RECIPE.encode())
    for file in files:
        path = root / file
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{file.as_posix()} {os.access(path, os.X_OK)} {content}\n".encode())
    return digest.hexdigest()


def stage_files(files: Iterable[Path], folder: Path, root: Path = ROOT) -> None:
    """Copy files into a folder, so that a build sees its inputs and nothing else."""
    for file in files:
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file, target)


def gather_revision(sources: Iterable[str], root: Path = ROOT) -> Revision:
    """Ask git which commit last changed the sources; without sources, which one is checked out."""
    paths = tuple(sources)
    limits = ("--", *paths) if paths else ()
    logged = _ask_git(root, "log", "-1", "--format=%H %ct", *limits)
    if not logged:
        return Revision("unknown", EPOCH_WITHOUT_COMMIT)
    commit, epoch = logged.split()
    is_dirty = bool(_ask_git(root, "status", "--porcelain", *limits))
    return Revision(f"{commit}-dirty" if is_dirty else commit, int(epoch))


def gather_head(root: Path = ROOT) -> Revision:
    """Ask git for the commit that is checked out, and whether anything differs from it."""
    return gather_revision((), root)


def _is_source(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"


def _ask_git(root: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        return run_program(git, *arguments, folder=root, timeout_seconds=60).strip()
    except BuildFailed:
        return ""
