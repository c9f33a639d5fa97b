"""Calls of buildah: no daemon, storage of our own below the cache folder, isolation by chroot."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from steward_release.errors import BuildFailed
from steward_release.programs import resolve_program, run_program

ADVICE: Final = (
    "on Debian and Ubuntu `apt-get install buildah`, on Fedora `dnf install buildah`; or build "
    "with docker or podman as docs/howto/images.md shows"
)
BUILD_SECONDS: Final = 1_800
"""One image: its packages are downloaded, unpacked and compiled on two slow cores."""
CALL_SECONDS: Final = 600
DRIVERS: Final = ("overlay", "vfs")
"""Storage drivers, best first: overlay shares what layers have in common, vfs runs anywhere."""


def gather_cache_folder() -> Path:
    """Return the folder that outlives checkouts: `XDG_CACHE_HOME` or `~/.cache`, then ours."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "steward" / "images"


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with its storage in one folder."""

    program: str
    storage: Path
    driver: str

    def call(self, *arguments: str | Path, timeout_seconds: float = CALL_SECONDS) -> str:
        """Run one word of buildah and return what it prints.

        Raises:
            BuildFailed: if it fails.
        """
        return run_program(
            self.program,
            *("--root", self.storage / "root", "--runroot", self.storage / "run"),
            *("--storage-driver", self.driver),
            *arguments,
            timeout_seconds=timeout_seconds,
        )

    def build(self, context: Path, dockerfile: str, tag: str, options: Sequence[str]) -> str:
        """Build one image from a folder; return what was printed.

        Raises:
            BuildFailed: if a step fails.
        """
        return self.call(
            *("bud", "--isolation", "chroot", "--format", "oci", "--layers"),
            *options,
            *("-f", context / dockerfile, "-t", tag, context),
            timeout_seconds=BUILD_SECONDS,
        )

    def has_image(self, reference: str) -> bool:
        """Tell whether an image is in the storage."""
        names = (name for item in self._list() for name in item.get("names") or ())
        return reference in names

    def inspect(self, reference: str) -> dict[str, Any]:
        """Return what the storage knows of an image.

        Raises:
            BuildFailed: if it is not there.
        """
        found: dict[str, Any] = json.loads(self.call("inspect", "--type", "image", reference))
        return found

    def diff_ids(self, reference: str) -> tuple[str, ...]:
        """Return the digests of an image's unpacked layers, lowest first."""
        return tuple(self.inspect(reference)["OCIv1"]["rootfs"]["diff_ids"])

    def push(self, reference: str, archive: Path) -> None:
        """Write an image as an OCI archive that keeps its full name."""
        archive.unlink(missing_ok=True)
        self.call("push", "--quiet", reference, f"oci-archive:{archive}:{reference}")

    def _list(self) -> list[dict[str, Any]]:
        printed = self.call("images", "--json").strip()
        found: list[dict[str, Any]] = json.loads(printed) if printed else []
        return found


def open_buildah() -> Buildah:
    """Find buildah and its storage.

    Raises:
        ToolMissing: if buildah is not installed.
        BuildFailed: if no storage driver works here; `STORAGE_DRIVER` names another.
    """
    program = resolve_program("buildah", ADVICE)
    chosen = os.environ.get("STORAGE_DRIVER")
    drivers = (chosen,) if chosen else DRIVERS
    for driver in drivers:
        buildah = Buildah(program, gather_cache_folder() / f"storage-{driver}", driver)
        buildah.storage.mkdir(parents=True, exist_ok=True)
        try:
            buildah.call("info")
        except BuildFailed:
            continue
        return buildah
    raise BuildFailed(f"buildah cannot keep images here with {' or '.join(drivers)}")
