"""`make release`: wheel, source archive, chart, images, bills of materials, checksums, provenance.

    release.py build --key KEY [--release DIR] [options of images]
    release.py verify DIR --public-key KEY

Refuses a checkout with changes that no commit holds, and a wheel that two builds make differently.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from steward_release.archives import load_archive
from steward_release.asking import add_image_options, build_images
from steward_release.building import Built, archive_path, gather_version
from steward_release.errors import BuildFailed, ReleaseError, ToolMissing
from steward_release.materials import build_image_bill, build_image_subject, build_wheel_bill
from steward_release.pins import ROOT
from steward_release.programs import run_program
from steward_release.provenance import (
    Source,
    build_statement,
    read_public_key,
    read_signing_key,
    sign_statement,
    verify_provenance,
)
from steward_release.sources import IMAGES, WHEEL_SOURCES, gather_head, gather_revision
from steward_release.wheels import build_distributions, digest_file

CHART: Final = ROOT / "charts" / "steward"
CHECKSUMS: Final = "SHA256SUMS"
PROVENANCE: Final = "provenance.intoto.json"


def main() -> None:
    """Do what the word says; a fault is one sentence."""
    options = parse_options()
    try:
        options.word(options)
    except ReleaseError as error:
        sys.exit(f"release: {error}")


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    words = parser.add_subparsers(required=True, metavar="WORD")
    build = words.add_parser("build", help="build and sign a release")
    build.add_argument("--key", type=Path, required=True, help="Ed25519 private key as PKCS8 PEM")
    build.add_argument("--release", type=Path, default=ROOT / "dist", help="folder; default: dist")
    add_image_options(build)
    build.set_defaults(word=build_release)
    verify = words.add_parser("verify", help="check signature and files of a release")
    verify.add_argument("folder", type=Path)
    verify.add_argument("--public-key", type=Path, required=True, help="Ed25519 public key as PEM")
    verify.set_defaults(word=verify_release)
    return parser.parse_args()


def build_release(options: argparse.Namespace) -> None:
    """Build everything into an empty folder, then sign what lies there.

    Raises:
        ReleaseError: if the checkout is not committed, or a part cannot be built.
    """
    key = read_signing_key(options.key)
    head = gather_head()
    if head.commit == "unknown" or head.commit.endswith("-dirty"):
        raise BuildFailed(
            f"the checkout is at {head.commit}: commit all changes (or clone the commit that you "
            "release), so that the provenance can name what was built"
        )
    started = _now()
    folder = options.release.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    add_distributions(folder)
    add_chart(folder)
    built = build_images(options, IMAGES, tell)
    add_images(folder, options.into.resolve())
    files = write_checksums(folder)
    materials = gather_materials(built)
    source = Source(head.commit, gather_version(), started, _now(), materials)
    (folder / PROVENANCE).write_bytes(sign_statement(build_statement(files, source), key))
    for path in sorted(folder.iterdir()):
        sys.stdout.write(f"{path.stat().st_size:>12}  {path.name}\n")


def verify_release(options: argparse.Namespace) -> None:
    """Check a release with the public key that the reader trusts.

    Raises:
        ReleaseError: if the signature does not hold, or a file is absent or another.
    """
    path = options.folder / PROVENANCE
    if not path.is_file():
        raise BuildFailed(f"{path} is missing: name the folder of a release")
    key = read_public_key(options.public_key)
    statement = verify_provenance(path.read_bytes(), key, options.folder)
    commit = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]
    sys.stdout.write(f"{len(statement['subject'])} files hold, from {commit['gitCommit']}\n")


def add_distributions(folder: Path) -> None:
    """Add wheel, source archive and the wheel's bill; build twice and compare.

    Raises:
        BuildFailed: if the two builds differ.
    """
    epoch = gather_revision(WHEEL_SOURCES).epoch
    wheel, archive = build_distributions(folder, epoch)
    with tempfile.TemporaryDirectory(prefix="steward-again-") as name:
        again = build_distributions(Path(name), epoch)
        for one, other in zip((wheel, archive), again, strict=True):
            if digest_file(one) != digest_file(other):
                raise BuildFailed(f"two builds of {one.name} differ: something in it is not fixed")
    bill = build_wheel_bill(wheel, epoch)
    (folder / f"{wheel.name}.cdx.json").write_text(bill, encoding="utf-8")


def add_chart(folder: Path) -> None:
    """Add the chart as a package.

    Raises:
        ReleaseError: if helm is missing or refuses the chart.
    """
    if not (CHART / "Chart.yaml").is_file():
        tell("there is no chart in this checkout; the release has none")
        return
    run_program(resolve_helm(), "package", CHART, "--destination", folder, timeout_seconds=120)


def resolve_helm() -> str | Path:
    """Return this machine's helm, else the pinned one that the chart is tested with.

    Raises:
        ToolMissing: if neither can be had.
    """
    if (own := shutil.which("helm")) is not None:
        return own
    from steward_lab.errors import LabError
    from steward_lab.helm import HelmLine, install_helm

    try:
        return install_helm(HelmLine.HELM_4)
    except LabError as error:
        raise ToolMissing(f"helm, which packs the chart, is missing: {error}") from error


def add_images(folder: Path, archives: Path) -> None:
    """Add the image archives and their bills.

    Raises:
        ReleaseError: if an archive cannot be read.
    """
    version = gather_version()
    for image in IMAGES:
        path = folder / f"{image.name}-{version}.oci.tar"
        shutil.copyfile(archive_path(archives, image), path)
        archive = load_archive(path)
        epoch = gather_revision(image.sources).epoch
        subject = build_image_subject(archive, image.name, version, epoch)
        bill = build_image_bill(archive, subject)
        (folder / f"{image.name}-{version}.cdx.json").write_text(bill, encoding="utf-8")


def write_checksums(folder: Path) -> dict[str, str]:
    """Write the checksums of all files, as `sha256sum --check` reads them; return them all."""
    files = {path.name: digest_file(path) for path in sorted(folder.iterdir())}
    lines = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    (folder / CHECKSUMS).write_text(lines, encoding="utf-8")
    return files | {CHECKSUMS: digest_file(folder / CHECKSUMS)}


def gather_materials(built: tuple[Built, ...]) -> dict[str, str]:
    """Return what else decided the bytes: the locks and the bases."""
    locks = ("build", "operator", "runtime", "demo-model", "weights")
    paths = [ROOT / "requirements" / f"{name}.txt" for name in locks]
    bases = {f"base:{item.base}": item.base_digest.removeprefix("sha256:") for item in built}
    return {path.relative_to(ROOT).as_posix(): digest_file(path) for path in paths} | bases


def tell(line: str) -> None:
    """Write one line of progress."""
    sys.stderr.write(f"release: {line}\n")
    sys.stderr.flush()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - when it was built


if __name__ == "__main__":
    main()
