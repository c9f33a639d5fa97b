"""Image archives and bills of materials: read as an image shows its files, layer over layer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from steward_release.archives import collect_files, load_archive
from steward_release.errors import ArchiveInvalid
from steward_release.materials import build_image_bill, build_image_subject, is_record

METADATA = "opt/steward/lib/python3.13/site-packages/{0}-{1}.dist-info/METADATA"
DPKG = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n\n"


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def digest(content: bytes) -> str:
    """Return the digest of a blob."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def write_image(path: Path, *layers: Mapping[str, bytes]) -> Path:
    """Write an image of layers as an OCI archive."""
    plain = [pack(layer) for layer in layers]
    blobs = [gzip.compress(each, mtime=0) for each in plain]
    settings = {
        "config": {"User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in plain]},
    }
    configuration = json.dumps(settings).encode()
    manifest = json.dumps(
        {
            "config": {"digest": digest(configuration), "size": len(configuration)},
            "layers": [{"digest": digest(each), "size": len(each)} for each in blobs],
        }
    ).encode()
    name = {"org.opencontainers.image.ref.name": "localhost/x:1"}
    index = {"manifests": [{"digest": digest(manifest), "annotations": name}]}
    parts = {f"blobs/sha256/{digest(b)[7:]}": b for b in (*blobs, configuration, manifest)}
    path.write_bytes(pack({"index.json": json.dumps(index).encode(), **parts}))
    return path


def metadata(name: str, version: str) -> dict[str, bytes]:
    """Return what pip records of a distribution."""
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    return {METADATA.format(name, version): text.encode()}


def test_sizes_and_settings_are_those_of_the_image(tmp_path: Path) -> None:
    """Name, user and the bytes of files per layer are read from the archive itself."""
    image = load_archive(write_image(tmp_path / "x", {"a": b"12345"}, {"b": b"1", "c": b"23"}))
    assert image.reference == "localhost/x:1"
    assert image.settings["User"] == "65532:65532"
    assert [layer.file_bytes for layer in image.layers] == [5, 3]


def test_layers_of_the_base_do_not_count(tmp_path: Path) -> None:
    """Sizes above the base are of what we add."""
    image = load_archive(write_image(tmp_path / "x", {"a": b"12345"}, {"b": b"1"}))
    above = image.layers_above((image.layers[0].diff_id,))
    assert [layer.file_bytes for layer in above] == [1]


def test_upper_layers_hide_and_delete(tmp_path: Path) -> None:
    """A file that a later layer replaced or removed is not in the image."""
    path = write_image(
        tmp_path / "x",
        {"a": b"old", "b": b"gone", "d/e": b"gone", "f/g": b"gone"},
        {"a": b"new", ".wh.b": b"", "d/.wh..wh..opq": b"", "d/h": b"kept", ".wh.f": b""},
    )
    found = collect_files(load_archive(path), lambda _: True)
    assert found == {"a": b"new", "d/h": b"kept"}


@pytest.mark.parametrize("content", [b"", b"no archive", pack({"index.json": b"{}"})])
def test_what_is_no_image_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """A broken file is named, and nothing is read out of it."""
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ArchiveInvalid, match=r"no OCI image archive"):
        load_archive(path)


def test_a_bill_lists_what_is_in_the_image(tmp_path: Path) -> None:
    """Python's and Debian's packages, by version, and valid CycloneDX."""
    path = write_image(
        tmp_path / "x",
        {"var/lib/dpkg/status": DPKG.encode(), **metadata("orjson", "3.0")},
        {METADATA.format(".wh.orjson", "3.0").replace("/METADATA", ""): b""},
        metadata("yarl", "1.2"),
    )
    image = load_archive(path)
    text = build_image_bill(image, build_image_subject(image, "x", "1", 315_532_800))
    bill = json.loads(text)
    assert {each["purl"] for each in bill["components"]} == {
        "pkg:pypi/yarl@1.2",
        "pkg:deb/debian/libc6@2.36-9?arch=amd64",
    }
    assert bill["metadata"]["component"]["type"] == "container"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_equal_images_have_equal_bills(tmp_path: Path) -> None:
    """Neither clock nor chance is in a bill."""
    images = [
        load_archive(write_image(tmp_path / name, metadata("b", "1") | metadata("a", "2")))
        for name in ("x", "y")
    ]
    one, other = (build_image_bill(i, build_image_subject(i, "x", "1", 0)) for i in images)
    assert one == other


def test_other_files_are_no_records() -> None:
    """Only what installers write is taken for what is installed."""
    assert not is_record("opt/steward/app/METADATA")
    assert not is_record("usr/share/dpkg/status")
