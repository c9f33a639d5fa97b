"""Which distributions each image holds: derived from pyproject.toml, locked in requirements/.

The wheel's base install also serves the command line. An image gets of it only what the rooms in
that image import, and the extra of its own name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND_LINE_ONLY: Final = frozenset({"rich", "typer"})
"""Packages of the base install that only `steward_cli` imports."""
MANIFESTS_ONLY: Final = frozenset({"pyyaml"})
"""Packages that only those import who read or write YAML; the runtime reads JSON."""
INSTALLER: Final = "pip>=26,<27"
"""The installer of the lab's build stage, whose Python comes without one."""
NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Lock:
    """One file of exact versions with hashes, and the requirements that it was made from."""

    name: str
    requirements: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return ROOT / "requirements" / f"{self.name}.txt"

    def render_header(self) -> str:
        """Return the comment that the file begins with."""
        lines = "".join(f"#   {line}\n" for line in self.requirements)
        return f"# Written by `python .ci/locks.py` from what pyproject.toml says:\n{lines}"


def load_project(root: Path = ROOT) -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def parse_name(requirement: str) -> str:
    """Return the normalized name that a requirement or a line of a lock begins with, or ''."""
    found = NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def parse_lock(text: str) -> dict[str, str]:
    """Return name and exact version of everything that a lock pins."""
    pins = (re.match(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", line) for line in text.splitlines())
    return {parse_name(pin[1]): pin[2] for pin in pins if pin}


def build_locks(project: dict[str, Any]) -> tuple[Lock, ...]:
    """Return every lock of an image, and the one of the tools that build them."""
    base = tuple(project["project"]["dependencies"])
    extras = project["project"]["optional-dependencies"]

    def without(dropped: frozenset[str]) -> tuple[str, ...]:
        return tuple(line for line in base if parse_name(line) not in dropped)

    return (
        Lock("build", (*project["build-system"]["requires"], INSTALLER)),
        Lock("operator", (*without(COMMAND_LINE_ONLY), *extras["operator"])),
        Lock("runtime", (*without(COMMAND_LINE_ONLY | MANIFESTS_ONLY), *extras["runtime"])),
        Lock("demo-model", tuple(extras["local"])),
    )
