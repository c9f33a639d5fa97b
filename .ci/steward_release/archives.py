"""Reading of image archives (OCI image layout in a tar): sizes, settings, and what is installed."""

from __future__ import annotations

import gzip
import io
import json
import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from steward_release.errors import ArchiveInvalid

INDEX: Final = "index.json"
REFERENCE: Final = "org.opencontainers.image.ref.name"
WHITEOUT: Final = ".wh."
OPAQUE: Final = ".wh..wh..opq"


class _Wanted(Protocol):
    def __call__(self, path: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: digests of its packed and unpacked form, and its bytes in both."""

    digest: str
    diff_id: str
    packed_bytes: int
    file_bytes: int
    """Sum of the sizes of its files."""


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """What an archive says of its one image."""

    path: Path
    reference: str
    """Full name and tag."""
    digest: str
    """`sha256:<hex>` of the manifest."""
    settings: dict[str, Any]
    """Member `config` of the image's configuration: user, entry point, environment, labels."""
    layers: tuple[Layer, ...]

    def layers_above(self, base: tuple[str, ...]) -> tuple[Layer, ...]:
        """Return the layers that are not those of the base, given by their unpacked digests."""
        return tuple(layer for layer in self.layers if layer.diff_id not in base)


def load_archive(path: Path) -> ImageArchive:
    """Read an archive with exactly one image.

    Raises:
        ArchiveInvalid: if it is no OCI archive, or holds another number of images.
    """
    with open_archive(path) as packed:
        index = json.loads(_read(packed, INDEX, path))
        if len(index["manifests"]) != 1:
            raise ArchiveInvalid(f"{path} holds {len(index['manifests'])} images; one is wanted")
        entry = index["manifests"][0]
        manifest = json.loads(_read(packed, _blob(entry["digest"]), path))
        configuration = json.loads(_read(packed, _blob(manifest["config"]["digest"]), path))
        diff_ids = configuration["rootfs"]["diff_ids"]
        layers = tuple(
            Layer(item["digest"], diff_id, item["size"], _measure(packed, item["digest"], path))
            for item, diff_id in zip(manifest["layers"], diff_ids, strict=True)
        )
    reference = entry.get("annotations", {}).get(REFERENCE, "")
    return ImageArchive(path, reference, entry["digest"], configuration["config"], layers)


def collect_files(image: ImageArchive, wanted: _Wanted) -> dict[str, bytes]:
    """Return the wanted files as the image shows them: upper layers hide and delete lower ones.

    Raises:
        ArchiveInvalid: if the archive has changed meanwhile.
    """
    found: dict[str, bytes] = {}
    with open_archive(image.path) as packed:
        for layer in image.layers:
            with open_layer(packed, layer.digest, image.path) as files:
                _lay_over(found, files, wanted)
    return found


def _lay_over(found: dict[str, bytes], files: tarfile.TarFile, wanted: _Wanted) -> None:
    added: dict[str, bytes] = {}
    for entry in files:
        path = posixpath.normpath(entry.name).lstrip("/")
        folder, name = posixpath.split(path)
        if name == OPAQUE:
            _drop(found, folder)
        elif name.startswith(WHITEOUT):
            _drop(found, posixpath.join(folder, name.removeprefix(WHITEOUT)))
        elif entry.isfile() and wanted(path):
            content = files.extractfile(entry)
            added[path] = content.read() if content else b""
    found.update(added)


def _drop(found: dict[str, bytes], path: str) -> None:
    for each in [name for name in found if name == path or name.startswith(f"{path}/")]:
        del found[each]


def _blob(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


@contextmanager
def open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive; whatever goes wrong while it is read says that it is broken.

    Raises:
        ArchiveInvalid: if it is no OCI archive.
    """
    try:
        with tarfile.open(path) as packed:
            yield packed
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as fault:
        raise ArchiveInvalid(f"{path} is no OCI image archive: build it anew") from fault


def _read(packed: tarfile.TarFile, name: str, path: Path) -> bytes:
    content = packed.extractfile(name)
    if content is None:
        raise ArchiveInvalid(f"{path} lacks {name}: build it anew")
    return content.read()


@contextmanager
def open_layer(packed: tarfile.TarFile, digest: str, path: Path) -> Iterator[tarfile.TarFile]:
    """Open one layer of an archive, packed or not."""
    raw = _read(packed, _blob(digest), path)
    plain = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    with tarfile.open(fileobj=io.BytesIO(plain)) as files:
        yield files


def _measure(packed: tarfile.TarFile, digest: str, path: Path) -> int:
    with open_layer(packed, digest, path) as files:
        return sum(entry.size for entry in files if entry.isfile())
