"""Where packages come from, handed to a build as secrets: in no layer, file or argument.

What pip on this machine is told by files and environment becomes one temporary pip.conf; the
certificates that it trusts become a second secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from steward_release.errors import BuildFailed
from steward_release.programs import resolve_program, run_program

OPTIONS: Final = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout")
"""Options of pip that say where packages come from, `cert` apart."""
WHEELS_MOUNT: Final = "/wheels"
"""Where a folder of wheels is mounted in stages that install."""


@dataclass(frozen=True, slots=True)
class IndexSecrets:
    """Arguments for `buildah bud`; the files live as long as the context that gave them."""

    arguments: tuple[str, ...]


def parse_pip_options(listed: str) -> dict[str, str]:
    """Return the options of `pip config list`; those of other commands are passed over."""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.strip().rpartition(".")
        if section in {"global", "install", ":env:"}:
            found[option] = value.strip().strip("'\"").replace("\\n", " ").strip()
    return found


def render_configuration(options: Mapping[str, str], *, has_wheels: bool) -> str:
    """Return the pip.conf of a build: the wheels given alone, else what this machine's pip uses.

    Local folders of this machine are left out: a build cannot see them.
    """
    if has_wheels:
        return f"[global]\nno-index = true\nfind-links = {WHEELS_MOUNT}\n"
    lines = []
    for option in OPTIONS:
        words = options.get(option, "").split()
        kept = [word for word in words if option != "find-links" or "://" in word]
        if kept:
            lines.append(f"{option} = {' '.join(kept)}\n")
    return "[global]\n" + "".join(lines)


def gather_pip_options() -> dict[str, str]:
    """Ask pip of this machine for its configuration; without pip, only the environment counts."""
    variables = {
        name[4:].lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    commands = ([sys.executable, "-m", "pip"], ["pip"], ["pip3"])
    for command in commands:
        try:
            program = resolve_program(command[0], "")
            listed = run_program(program, *command[1:], "config", "list", timeout_seconds=60)
        except Exception:  # noqa: S112, BLE001 - the next one may be there; none is no fault
            continue
        return parse_pip_options(listed) | variables
    return variables


@contextmanager
def open_index_secrets(wheels: Path | None) -> Iterator[IndexSecrets]:
    """Write the secrets of one build, readable by this user alone, and remove them after it.

    Raises:
        BuildFailed: if the folder of wheels does not exist.
    """
    if wheels is not None and not wheels.is_dir():
        raise BuildFailed(f"there is no folder {wheels}: name the one that holds the wheels")
    options = gather_pip_options()
    certificates = Path(options.get("cert") or os.environ.get("SSL_CERT_FILE", ""))
    with TemporaryDirectory(prefix="steward-index-") as name:
        folder = Path(name)
        (folder / "pip").write_text(
            render_configuration(options, has_wheels=wheels is not None), encoding="utf-8"
        )
        trusted = certificates.read_bytes() if certificates.is_file() else b""
        (folder / "ca").write_bytes(trusted)
        arguments = [f"--secret=id={each},src={folder / each}" for each in ("pip", "ca")]
        if wheels is not None:
            arguments.append(f"--volume={wheels.resolve()}:{WHEELS_MOUNT}:ro")
        yield IndexSecrets(tuple(arguments))
