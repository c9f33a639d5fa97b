"""Building of the images: from exactly their inputs, once per change, into archives."""

from __future__ import annotations

import fcntl
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from steward_release.archives import load_archive
from steward_release.buildah import Buildah, gather_cache_folder
from steward_release.index import open_index_secrets
from steward_release.lab_python import TIME_OF_FILES, Bases
from steward_release.pins import load_project
from steward_release.sources import (
    WHEEL_SOURCES,
    Image,
    digest_files,
    gather_files,
    gather_revision,
    stage_files,
)

MEBIBYTE: Final = 2**20
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What is recorded beside an archive; equal inputs need no second build."""

    inputs: str
    """Digest over sources, base and version."""
    reference: str
    digest: str
    """`sha256:<hex>` of the image's manifest."""
    base: str
    base_digest: str
    """`sha256:<hex>` over the digests of the base's unpacked layers."""
    base_mebibytes: int
    """Files of the base, unpacked."""
    above_mebibytes: int
    """Files above the base, unpacked."""
    above_packed_mebibytes: int
    """What a node that has the base downloads."""
    seconds: int
    """Time of the build."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What all images of one call share."""

    bases: Bases
    into: Path
    wheels: Path | None
    version: str


def archive_path(into: Path, image: Image) -> Path:
    """Return where the archive of an image lies."""
    return into / f"{image.name}.oci.tar"


def digest_inputs(image: Image, plan: Plan) -> str:
    """Return the digest of everything that decides an image's bytes."""
    files = digest_files(gather_files(image.sources))
    return f"{files}-{plan.bases.base}-{plan.bases.build_base}-{plan.version}"


def find_built(image: Image, plan: Plan) -> Built | None:
    """Return the record of an archive whose inputs are still the same."""
    archive = archive_path(plan.into, image)
    record = archive.with_suffix(".json")
    if not (archive.is_file() and record.is_file()):
        return None
    try:
        built = Built(**json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None
    return built if built.inputs == digest_inputs(image, plan) else None


def build_image(buildah: Buildah, image: Image, plan: Plan, report: Report) -> Built:
    """Build one image and write its archive, unless its inputs are the same as before.

    Raises:
        BuildFailed: if a step fails.
    """
    if (known := find_built(image, plan)) is not None:
        return known
    begun = time.monotonic()
    inputs = digest_inputs(image, plan)
    reference = f"localhost/{image.name}:{plan.version}"
    report(f"building {reference} on {plan.bases.base}")
    plan.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="steward-context-") as name:
        context = Path(name)
        stage_files(gather_files(image.sources), context)
        with open_index_secrets(plan.wheels) as index:
            options = (*_build_options(image, plan), *index.arguments)
            printed = buildah.build(context, image.dockerfile, reference, options)
    archive = archive_path(plan.into, image)
    archive.with_suffix(".log").write_text(printed, encoding="utf-8")
    partial = archive.with_suffix(".partial")
    buildah.push(reference, partial)
    partial.replace(archive)
    above = _measure(buildah, archive, plan.bases.base)
    built = Built(
        inputs=inputs,
        reference=reference,
        base=plan.bases.base,
        seconds=round(time.monotonic() - begun),
        **above,
    )
    archive.with_suffix(".json").write_text(f"{json.dumps(asdict(built), indent=2)}\n")
    return built


@contextmanager
def hold_storage(report: Report) -> Iterator[None]:
    """Let one build at a time use the storage; others wait."""
    path = gather_cache_folder() / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another build is running: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def gather_version() -> str:
    """Return the project's version, which is every image's tag."""
    return str(load_project()["project"]["version"])


def render_table(built: tuple[Built, ...]) -> str:
    """Return the sizes of images as lines for people."""
    rows = [("image", "base MiB", "above MiB", "above, packed", "built in")]
    rows += [
        (
            item.reference,
            str(item.base_mebibytes),
            str(item.above_mebibytes),
            str(item.above_packed_mebibytes),
            f"{item.seconds} s",
        )
        for item in built
    ]
    return "".join(
        f"{row[0]:<42}" + "".join(f"{cell:>15}" for cell in row[1:]) + "\n" for row in rows
    )


def _build_options(image: Image, plan: Plan) -> tuple[str, ...]:
    revision = gather_revision(image.sources)
    wheel = gather_revision(WHEEL_SOURCES)
    arguments = {
        "BASE": plan.bases.base,
        "BUILD_BASE": plan.bases.build_base,
        "VERSION": plan.version,
        "REVISION": revision.commit,
        "CREATED": datetime.fromtimestamp(revision.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SOURCE_DATE_EPOCH": str(wheel.epoch),
    }
    pairs = (
        part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")
    )
    return (*pairs, "--timestamp", str(TIME_OF_FILES))


def _measure(buildah: Buildah, archive: Path, base: str) -> dict[str, Any]:
    image = load_archive(archive)
    base_layers = buildah.diff_ids(base)
    above = image.layers_above(base_layers)
    below = [layer for layer in image.layers if layer.diff_id in base_layers]
    return {
        "digest": image.digest,
        "base_digest": "sha256:" + hashlib.sha256(" ".join(base_layers).encode()).hexdigest(),
        "base_mebibytes": sum(layer.file_bytes for layer in below) // MEBIBYTE,
        "above_mebibytes": sum(layer.file_bytes for layer in above) // MEBIBYTE,
        "above_packed_mebibytes": sum(layer.packed_bytes for layer in above) // MEBIBYTE,
    }
