"""What the scripts that build images ask for on their command lines, and the builds themselves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steward_release.buildah import open_buildah
from steward_release.building import Built, Plan, Report, build_image, gather_version, hold_storage
from steward_release.lab_python import Bases, build_lab_bases
from steward_release.pins import ROOT
from steward_release.sources import IMAGES, Image

PUBLIC_BASE: Final = "docker.io/library/python:3.13-slim"
IMAGES_FOLDER: Final = ROOT / "build" / "images"


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what images are built from, and where they go."""
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--base", default=PUBLIC_BASE, help="image that holds Python")
    start.add_argument(
        "--lab-base",
        action="store_true",
        help="make the base from Debian's packages; for machines that reach no image registry",
    )
    parser.add_argument("--build-base", help="image for the stages that install; default: the base")
    parser.add_argument("--wheels", type=Path, help="install from this folder of wheels alone")
    parser.add_argument(
        "--into", type=Path, default=IMAGES_FOLDER, metavar="DIR", help="folder of the archives"
    )


def build_images(
    options: argparse.Namespace, chosen: Sequence[Image], report: Report
) -> tuple[Built, ...]:
    """Build what was asked for, one image after the other.

    Raises:
        ReleaseError: if a program is missing or fails.
    """
    buildah = open_buildah()
    with hold_storage(report):
        bases = Bases(options.base, options.build_base or options.base)
        if options.lab_base:
            bases = build_lab_bases(buildah, report)
        plan = Plan(bases, options.into.resolve(), options.wheels, gather_version())
        return tuple(build_image(buildah, image, plan, report) for image in chosen)


def choose_images(names: Sequence[str]) -> tuple[Image, ...]:
    """Return the images of these names, or all.

    Raises:
        ValueError: if there is no image of a name.
    """
    known = {image.name: image for image in IMAGES}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no image {name}; there are {', '.join(known)}")
    return tuple(image for name, image in known.items() if not names or name in names)
