"""A base image for machines that reach Debian's packages and no image registry.

`debootstrap` makes a small root folder with Python, packed once per recipe below the cache folder.
A second image adds pip to it, for the stages that install. Neither keeps a name, an address or a
certificate of the machine that made it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_release.buildah import Buildah, gather_cache_folder
from steward_release.errors import BuildFailed, ToolMissing
from steward_release.installing import install_lock
from steward_release.pins import ROOT
from steward_release.programs import resolve_program, run_program

RECIPE: Final = "1"
"""Raise it when the way of making the base changes without a change of what is listed here."""
SUITE: Final = "bookworm"
PACKAGES: Final = (
    "ca-certificates",
    "libpython3-stdlib",
    "netbase",
    "python3-minimal",
    "tzdata",
)
"""What the public slim Python image has too, as far as we use it."""
UNWANTED: Final = (
    *("etc/apt/sources.list", "etc/hostname", "etc/machine-id", "etc/resolv.conf"),
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache", "var/lib/apt/lists", "var/log"),
)
"""Addresses and names of this machine, and what nobody reads in an image."""
Report = Callable[[str], None]
EMPTIED: Final = ("dev", "proc", "run", "sys", "tmp")
BASE: Final = "localhost/python:3.11"
BUILD_BASE: Final = "localhost/python-build:3.11"
DEBOOTSTRAP_SECONDS: Final = 900
TIME_OF_FILES: Final = 315_532_800
"""One time for all files (1980-01-01): equal trees give equal layers."""


@dataclass(frozen=True, slots=True)
class Bases:
    """The images that a build begins from."""

    base: str
    build_base: str


def digest_recipe() -> str:
    """Return 16 hexadecimal digits that change whenever the base would."""
    pins = (ROOT / "requirements" / "build.txt").read_bytes()
    recipe = "\n".join((RECIPE, SUITE, platform.machine(), *PACKAGES, *UNWANTED)).encode()
    return hashlib.sha256(recipe + pins).hexdigest()[:16]


def build_lab_bases(buildah: Buildah, report: Report) -> Bases:
    """Make both base images where the storage lacks them.

    Raises:
        ToolMissing: if debootstrap is not installed, or the user is not root.
        BuildFailed: if a package cannot be had.
    """
    folder = gather_cache_folder() / f"base-{digest_recipe()}"
    if not folder.is_dir():
        report("making a base from Debian's packages, once: about 2 minutes")
        _make_archives(folder)
    mark = buildah.storage / f"has-{folder.name}"
    if not (mark.exists() and all(map(buildah.has_image, (BASE, BUILD_BASE)))):
        _make_image(buildah, folder / "base.tar", BASE, "scratch")
        _make_image(buildah, folder / "pip.tar", BUILD_BASE, BASE)
        mark.touch()
    return Bases(BASE, BUILD_BASE)


def pack_folder(folder: Path, archive: Path) -> None:
    """Pack a folder with owners and modes, in one order and with one time."""

    def settle(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = TIME_OF_FILES
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(archive, "w") as packed:
        packed.add(folder, arcname=".", filter=settle)


def resolve_mirror() -> str | None:
    """Return the address that apt of this machine takes the suite from, if it does."""
    try:
        listed = run_program(
            *("apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)"),
            timeout_seconds=60,
        )
    except (BuildFailed, OSError):
        return None
    for line in listed.splitlines():
        codename, _, rest = line.partition(" ")
        component, _, address = rest.partition(" ")
        if (codename, component) == (SUITE, "main") and "debian" in address:
            return address
    return None


def _make_archives(folder: Path) -> None:
    program = resolve_program("debootstrap", "on Debian and Ubuntu `apt-get install debootstrap`")
    if os.geteuid() != 0:
        raise ToolMissing("a lab base can only be made by root: run it as root, or give --base")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".base-", dir=folder.parent) as name:
        partial = Path(name)
        tree = partial / "tree"
        mirror = resolve_mirror()
        try:
            run_program(
                *(program, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, tree),
                *((mirror,) if mirror else ()),
                timeout_seconds=DEBOOTSTRAP_SECONDS,
            )
        finally:
            _unmount_below(tree)
        _strip(tree)
        (partial / "result").mkdir()
        pack_folder(tree, partial / "result" / "base.tar")
        _add_installer(partial / "installer")
        pack_folder(partial / "installer", partial / "result" / "pip.tar")
        (partial / "result").rename(folder)


def _strip(tree: Path) -> None:
    for name in UNWANTED:
        path = tree / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in EMPTIED:
        for path in (tree / name).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for cache in tuple(tree.rglob("__pycache__")):
        shutil.rmtree(cache)


def _unmount_below(tree: Path) -> None:
    """Take down what debootstrap leaves mounted when it is interrupted."""
    for line in reversed(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()):
        point = line.split()[1]
        if point.startswith(f"{tree}/"):
            run_program(
                resolve_program("umount", "it is part of mount"), "-l", point, timeout_seconds=60
            )


def _add_installer(folder: Path) -> None:
    """Lay pip, at its pinned version, where Debian's Python finds it."""
    pins = (ROOT / "requirements" / "build.txt").read_text(encoding="utf-8")
    begin = pins.index("\npip==") + 1
    stanza = "".join(_cut_stanza(pins[begin:]))
    target = folder / "usr" / "lib" / "python3" / "dist-packages"
    target.mkdir(parents=True)
    wanted = folder.with_name("pip.txt")
    wanted.write_text(stanza, encoding="utf-8")
    install_lock(wanted, target)
    shutil.rmtree(target / "bin", ignore_errors=True)


def _cut_stanza(pins: str) -> list[str]:
    lines = pins.splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines) if at and line[:1] != " "), len(lines))
    return lines[:end]


def _make_image(buildah: Buildah, archive: Path, tag: str, start: str) -> None:
    with tempfile.TemporaryDirectory(prefix="steward-base-") as name:
        context = Path(name)
        shutil.copy(archive, context / archive.name)
        recipe = f'FROM {start}\nADD {archive.name} /\nCMD ["python3"]\n'
        (context / "Dockerfile").write_text(recipe, encoding="utf-8")
        buildah.build(context, "Dockerfile", tag, ("--timestamp", str(TIME_OF_FILES)))
