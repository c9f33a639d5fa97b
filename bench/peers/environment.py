"""The peers' own environment: a virtual environment in the cache, made when its pins change."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def find_peers_python() -> str:
    """Return the interpreter of the peers' environment, installing it first where it is missing.

    The folder is named by the digest of the pins and is marked complete at the end, so that an
    interrupted install is
    done again.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = cache / "steward" / "bench" / digest
    python = str(folder / "bin" / "python")
    if not (folder / "complete").exists():
        print("installing the peers (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603 - our own command
        install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
        subprocess.run([*install, str(REQUIREMENTS)], check=True)  # noqa: S603 - our own command
        (folder / "complete").touch()
    return python
