"""Runs unit and contract tests on a second version of Python: `second_python.py 3.13`.

`make test` uses the Python that the user has; `.ci/run` adds the newest that the images use. The
second environment is made from the same pins, in `.venv-<version>`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from stages import ROOT, build_unit_command

SETUP: Final = ROOT / ".ci" / "setup.py"


def find_python(version: str) -> str:
    """Return an interpreter of this version that runs.

    A shim of pyenv may be on the path for a version that is not switched on, so it is asked.
    """
    name = f"python{version}"
    pyenv = Path.home() / ".pyenv" / "versions"
    candidates = [shutil.which(name), *sorted(map(str, pyenv.glob(f"{version}.*/bin/{name}")))]
    for candidate in candidates:
        if candidate and runs(candidate):
            return candidate
    sys.exit(f"{name} is not on the path: install it, or leave this stage out")


def runs(python: str) -> bool:
    """Say whether this interpreter starts, without its words about why not."""
    return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0


def main() -> int:
    """Install and run."""
    version = sys.argv[1]
    folder = ROOT / f".venv-{version}"
    subprocess.run([find_python(version), str(SETUP), str(folder)], cwd=ROOT, check=True)
    command = build_unit_command(str(folder / "bin" / "python"))
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
