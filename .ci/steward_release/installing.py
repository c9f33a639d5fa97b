"""Installs locked packages into a folder, with uv or pip as this machine has them set up."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Final

from steward_release.errors import ToolMissing
from steward_release.programs import run_program

INSTALL_SECONDS: Final = 300


def resolve_installer() -> tuple[str, ...]:
    """Return the command that installs wheels here: uv where there is one, else pip.

    Raises:
        ToolMissing: if neither is there.
    """
    if (uv := shutil.which("uv")) is not None:
        return (uv, "pip", "install", "--python", sys.executable)
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "install", "--disable-pip-version-check")
    if (pip := shutil.which("pip3")) is not None:
        return (pip, "install", "--disable-pip-version-check")
    raise ToolMissing("neither uv nor pip is here to fetch the locked tools: install one")


def install_lock(lock: Path, target: Path) -> None:
    """Install exactly what a lock pins, checked by hash, into a folder.

    Raises:
        ToolMissing: if this machine has no installer.
        BuildFailed: if a package cannot be had or differs from its hash.
    """
    options = ("--quiet", "--no-deps", "--require-hashes", "--target", target, "-r", lock)
    run_program(*resolve_installer(), *options, timeout_seconds=INSTALL_SECONDS)
    for cache in tuple(target.rglob("__pycache__")):
        shutil.rmtree(cache)
