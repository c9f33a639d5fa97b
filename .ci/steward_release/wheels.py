"""Wheel and source archive, the same to the byte whenever and wherever they are built."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from steward_release.buildah import gather_cache_folder
from steward_release.installing import install_lock
from steward_release.pins import ROOT
from steward_release.programs import run_program

BUILD_SECONDS: Final = 300


def resolve_build_tools() -> Path:
    """Return a folder with the locked build backend, installed once per lock.

    Raises:
        ToolMissing: if this machine has no installer.
        BuildFailed: if a package cannot be had.
    """
    lock = ROOT / "requirements" / "build.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = gather_cache_folder() / f"build-tools-{digest}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tools-", dir=folder.parent) as name:
            partial = Path(name) / "tools"
            install_lock(lock, partial)
            partial.rename(folder)
    return folder


def build_distributions(into: Path, epoch: int, root: Path = ROOT) -> tuple[Path, Path]:
    """Build wheel and source archive of a checkout, and return their paths.

    Args:
        into: folder for both.
        epoch: time of every file inside, in seconds since 1970.
        root: the checkout.

    Raises:
        BuildFailed: if the build backend fails.
    """
    tools = resolve_build_tools()
    environment = {
        **os.environ,
        "PYTHONPATH": str(tools),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="steward-wheel-") as name:
        built = Path(name)
        run_program(
            *(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist"),
            *("-d", built),
            folder=root,
            environment=environment,
            timeout_seconds=BUILD_SECONDS,
        )
        paths = [path.replace(into / path.name) for path in sorted(built.iterdir())]
    archive, wheel = sorted(paths, key=lambda path: path.suffix == ".whl")
    return wheel, archive


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
