"""Writes the locks of the images: exact versions with hashes, and no address of an index.

Versions are those of requirements/dev.txt, which are the tested ones. Run it after a change of
that file: `python .ci/locks.py`.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from steward_release.pins import ROOT, Lock, build_locks, load_project

OPTIONS: Final = (
    *("pip", "compile", "--quiet", "--no-emit-index-url", "--no-annotate", "--no-header"),
    *("--generate-hashes", "--universal", "--python-version", "3.11"),
)


def resolve_uv() -> tuple[str, ...]:
    """Return the command of uv: a module of this Python, or a program on PATH."""
    if importlib.util.find_spec("uv") is not None:
        return (sys.executable, "-m", "uv")
    found = shutil.which("uv")
    if found is None:
        sys.exit("locks: uv is missing; `pip install uv` gives it")
    return (found,)


def build_constraints(locked: str) -> str:
    """Return the pins of a lock without hashes and markers' continuation."""
    pins = (re.match(r"^[A-Za-z0-9._-]+==[^\\]+", line) for line in locked.splitlines())
    return "".join(f"{pin.group().strip()}\n" for pin in pins if pin)


def write_lock(lock: Lock, constraints: Path) -> None:
    """Compile one lock; versions that it has already stay, unless dev.txt says another."""
    before = lock.path.read_text(encoding="utf-8") if lock.path.exists() else ""
    done = subprocess.run(
        (*resolve_uv(), *OPTIONS, "--constraint", constraints, "--output-file", lock.path, "-"),
        input="\n".join(lock.requirements),
        text=True,
        check=False,
        capture_output=True,
    )
    if done.returncode:
        lock.path.write_text(before, encoding="utf-8")
        sys.exit(f"locks: {lock.name} was not compiled:\n{done.stderr}")
    pins = lock.path.read_text(encoding="utf-8")
    pins = "".join(line for line in pins.splitlines(keepends=True) if not line.startswith("#"))
    lock.path.write_text(lock.render_header() + pins, encoding="utf-8")


def main() -> None:
    """Write every lock."""
    tested = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(build_constraints(tested), encoding="utf-8")
        for lock in build_locks(load_project()):
            write_lock(lock, constraints)


if __name__ == "__main__":
    main()
