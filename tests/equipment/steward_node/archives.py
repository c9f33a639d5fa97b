"""Writes OCI image archives that hold a few static files, without any image builder.

The format is the OCI image layout in a tar: `oci-layout`, `index.json`, and blobs by digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NOBODY = 65_532
MEDIA = "application/vnd.oci.image"


def write_image_archive(
    path: Path, name: str, files: Mapping[str, Path], entrypoint: tuple[str, ...]
) -> None:
    """Writes an image of one layer.

    Args:
        path: The archive to write.
        name: Full name of the image, such as `localhost/pause:1`.
        files: Executables by their absolute path in the image.
        entrypoint: Command of a container that names none.
    """
    layer = build_layer(files)
    configuration = encode(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "User": f"{NOBODY}:{NOBODY}"},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": describe(configuration, f"{MEDIA}.config.v1+json"),
            "layers": [describe(layer, f"{MEDIA}.layer.v1.tar")],
        }
    )
    named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    entry = {**describe(manifest, f"{MEDIA}.manifest.v1+json"), "annotations": named}
    index = encode({"schemaVersion": 2, "manifests": [entry]})
    blobs = {f"blobs/sha256/{digest_of(blob)[7:]}": blob for blob in (layer, configuration)}
    blobs[f"blobs/sha256/{digest_of(manifest)[7:]}"] = manifest
    with tarfile.open(path, "w") as archive:
        add_bytes(archive, "oci-layout", encode({"imageLayoutVersion": "1.0.0"}))
        add_bytes(archive, "index.json", index)
        for member, blob in blobs.items():
            add_bytes(archive, member, blob)


def build_layer(files: Mapping[str, Path]) -> bytes:
    """Answers a tar of executables; the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for target, source in sorted(files.items()):
            add_bytes(layer, target.lstrip("/"), source.read_bytes(), mode=0o755)
    return buffer.getvalue()


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Adds a file that belongs to root and has no time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def digest_of(content: bytes) -> str:
    """Answers `sha256:` and the hexadecimal digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def describe(content: bytes, media_type: str) -> dict[str, Any]:
    """Answers the OCI descriptor of a blob."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def encode(document: Any) -> bytes:
    """Answers JSON bytes."""
    return json.dumps(document, sort_keys=True).encode()
