"""`make images`: builds the images with buildah and prints their sizes above the base.

Writes `<name>.oci.tar`, which `ctr -n k8s.io images import`, `podman load` and `docker load` take,
tagged `localhost/<name>:<version>`. Nothing is built while the inputs of an image are the same.
"""

from __future__ import annotations

import argparse
import sys

from steward_release.asking import add_image_options, build_images, choose_images
from steward_release.building import render_table
from steward_release.errors import ReleaseError


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="IMAGE", help="default: all")
    add_image_options(parser)
    return parser.parse_args()


def tell(line: str) -> None:
    """Write one line of progress."""
    sys.stderr.write(f"images: {line}\n")
    sys.stderr.flush()


def main() -> None:
    """Build and print."""
    options = parse_options()
    try:
        chosen = choose_images(options.names)
        sys.stdout.write(render_table(build_images(options, chosen, tell)))
    except (ReleaseError, ValueError) as error:
        sys.exit(f"images: {error}")


if __name__ == "__main__":
    main()
