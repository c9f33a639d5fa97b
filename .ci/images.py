"""`make images`: builds the images with buildah and prints their sizes above the base.

Writes `<name>.oci.tar`, which `ctr -n k8s.io images import`, `podman load` and `docker load` take,
tagged `localhost/<name>:<version>`. Nothing is built while the inputs of an image are the same.
`--lab-base` needs no image registry: it makes a base from Debian's packages.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from steward_release.buildah import open_buildah
from steward_release.building import (
    Plan,
    build_image,
    gather_version,
    hold_storage,
    render_table,
)
from steward_release.errors import ReleaseError
from steward_release.lab_python import Bases, build_lab_bases
from steward_release.pins import ROOT
from steward_release.sources import IMAGES

PUBLIC_BASE: Final = "docker.io/library/python:3.13-slim"


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [image.name for image in IMAGES]
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"some of {', '.join(names)}")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--base", default=PUBLIC_BASE, help="image that holds Python")
    start.add_argument("--lab-base", action="store_true", help="make a base by debootstrap")
    parser.add_argument("--build-base", help="image for the stages that install; default: the base")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "images", help="folder")
    parser.add_argument("--wheels", type=Path, help="install from this folder of wheels alone")
    options = parser.parse_args()
    if unknown := set(options.images) - set(names):
        parser.error(f"there is no image {sorted(unknown)[0]}; there are {', '.join(names)}")
    return options


def tell(line: str) -> None:
    """Write one line of progress."""
    sys.stderr.write(f"images: {line}\n")
    sys.stderr.flush()


def build(options: argparse.Namespace) -> str:
    """Build what was asked for; return the table of sizes.

    Raises:
        ReleaseError: if a program is missing or fails.
    """
    buildah = open_buildah()
    with hold_storage(tell):
        bases = Bases(options.base, options.build_base or options.base)
        if options.lab_base:
            bases = build_lab_bases(buildah)
        plan = Plan(bases, options.into.resolve(), options.wheels, gather_version())
        chosen = [image for image in IMAGES if not options.images or image.name in options.images]
        return render_table(tuple(build_image(buildah, image, plan, tell) for image in chosen))


def main() -> None:
    """Build and print."""
    try:
        sys.stdout.write(build(parse_options()))
    except ReleaseError as error:
        sys.exit(f"images: {error}")


if __name__ == "__main__":
    main()
