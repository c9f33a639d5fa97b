"""Makes a Pod's volumes as folders, and keeps those of Secrets and ConfigMaps fresh.

Files are laid out as a kubelet does: `..data` points at a dated folder and is swapped at once, so
a reader sees either all old files or all new ones.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steward_lab.kubelet.files import (
    DEFAULT_MODE,
    VolumeError,
    VolumeFile,
    build_downward_files,
    build_kinds_of_sources,
    build_source_files,
)

Manifest = dict[str, Any]
READ_ONLY_SOURCES = ("secret", "configMap", "projected", "downwardAPI")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the content of volumes comes from.

    Attributes:
        fetch: Reads the entries of a Secret or ConfigMap by kind and name; None if absent.
        find_claim: Answers the folder of a bound claim by name.
        request_token: Asks for a token of the Pod's account by a projected source.
    """

    fetch: Callable[[str, str], Awaitable[dict[str, bytes] | None]]
    find_claim: Callable[[str], Path]
    request_token: Callable[[Manifest], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the machine, and where a container sees it."""

    source: str
    path: str
    is_read_only: bool

    def render(self) -> Manifest:
        """The form that `launching.py` reads."""
        return {"source": self.source, "path": self.path, "is_read_only": self.is_read_only}


class PodVolumes:
    """The volumes of one Pod, below one folder."""

    def __init__(self, pod: Manifest, directory: Path, sources: Sources) -> None:
        """Makes nothing yet; `prepare` does."""
        self._pod = pod
        self._directory = directory
        self._sources = sources
        self._volumes: dict[str, Manifest] = {
            volume["name"]: volume for volume in pod["spec"].get("volumes") or ()
        }

    async def prepare(self) -> None:
        """Makes every volume, or brings its files up to date.

        Raises:
            VolumeError: One cannot be made now.
        """
        for name, volume in self._volumes.items():
            try:
                await self._prepare(name, volume)
            except VolumeError as error:
                text = f'MountVolume.SetUp failed for volume "{name}" : {error}'
                raise VolumeError(text) from error

    def build_mounts(self, container: Manifest) -> tuple[Mount, ...]:
        """Answers a container's mounts, shallow ones first."""
        mounts = []
        for item in container.get("volumeMounts") or ():
            volume = self._volumes[item["name"]]
            source = self._find_folder(item["name"])
            if item.get("subPath"):
                source /= item["subPath"]
                if not source.exists():
                    source.mkdir(parents=True)
            is_read_only = bool(item.get("readOnly")) or any(
                key in volume for key in READ_ONLY_SOURCES
            )
            mounts.append(Mount(str(source.resolve()), item["mountPath"], is_read_only))
        return tuple(sorted(mounts, key=lambda mount: mount.path.count("/")))

    def _find_folder(self, name: str) -> Path:
        claim = self._volumes[name].get("persistentVolumeClaim")
        if claim is not None:
            return self._sources.find_claim(claim["claimName"])
        return self._directory / name

    async def _prepare(self, name: str, volume: Manifest) -> None:
        """Makes one volume."""
        folder = self._find_folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        if "emptyDir" in volume:
            folder.chmod(0o777)
        elif "projected" in volume:
            write_files(folder, await self._gather_projected(volume["projected"]))
        elif "downwardAPI" in volume:
            source = volume["downwardAPI"]
            mode = source.get("defaultMode", DEFAULT_MODE)
            write_files(folder, build_downward_files(self._pod, source, mode))
        elif kinds := build_kinds_of_sources(volume):
            ((key, kind),) = kinds
            source = volume[key]
            name = source["secretName"] if key == "secret" else source["name"]
            write_files(folder, await self._gather_source(kind, name, source, DEFAULT_MODE))
        elif "persistentVolumeClaim" not in volume:
            unknown = ", ".join(sorted(volume.keys() - {"name"}))
            raise VolumeError(f"the lab's kubelet has no volume type {unknown}")

    async def _gather_projected(self, projected: Manifest) -> list[VolumeFile]:
        """The files of all sources of a projected volume."""
        mode = projected.get("defaultMode", DEFAULT_MODE)
        files: list[VolumeFile] = []
        for source in projected.get("sources") or ():
            for key, kind in build_kinds_of_sources(source):
                files += await self._gather_source(kind, source[key]["name"], source[key], mode)
            if "downwardAPI" in source:
                files += build_downward_files(self._pod, source["downwardAPI"], mode)
            if "serviceAccountToken" in source:
                token = await self._sources.request_token(source["serviceAccountToken"])
                path = source["serviceAccountToken"]["path"]
                files.append(VolumeFile(path, token.encode(), mode))
        return files

    async def _gather_source(
        self, kind: str, name: str, source: Manifest, mode: int
    ) -> tuple[VolumeFile, ...]:
        """The files of one Secret or ConfigMap."""
        data = await self._sources.fetch(kind, name)
        if data is None and not source.get("optional"):
            raise VolumeError(f'{kind.lower()} "{name}" not found')
        return build_source_files(kind, source, data, mode)


def write_files(folder: Path, files: Iterable[VolumeFile]) -> None:
    """Makes a folder show exactly these files, all at once; does nothing if it does already."""
    wanted = tuple(files)
    data = folder / "..data"
    if data.exists() and _read_files(data) == {item.path: item.content for item in wanted}:
        return
    old = data.resolve() if data.is_symlink() else None
    fresh = folder / f"..{secrets.token_hex(8)}"
    fresh.mkdir(mode=0o755)
    for item in wanted:
        path = fresh / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.content)
        path.chmod(item.mode)
    swap = folder / "..data_tmp"
    swap.symlink_to(fresh.name)
    swap.rename(data)
    _link_entries(folder, {item.path.partition("/")[0] for item in wanted})
    if old is not None:
        shutil.rmtree(old)


def _link_entries(folder: Path, names: set[str]) -> None:
    """Points the visible names into `..data` and removes those that are no more."""
    visible = {path.name for path in folder.iterdir() if not path.name.startswith("..")}
    for name in visible - names:
        (folder / name).unlink()
    for name in names - visible:
        (folder / name).symlink_to(f"..data/{name}")


def _read_files(data: Path) -> dict[str, bytes]:
    """What is in the present dated folder."""
    root = data.resolve()
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}
