"""`make sbom`: writes a bill of materials (CycloneDX JSON) beside every image archive.

Reads archives that `make images` wrote; what is in the image decides, not what was asked for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from steward_release.archives import load_archive
from steward_release.asking import IMAGES_FOLDER
from steward_release.building import archive_path, gather_version
from steward_release.errors import ReleaseError
from steward_release.materials import build_image_bill, build_image_subject
from steward_release.sources import IMAGES, Image, gather_revision


def write_bill(image: Image, folder: Path) -> tuple[Path, int]:
    """Write the bill of one image; return its path and the number of components.

    Raises:
        ReleaseError: if the archive is absent or broken.
    """
    archive = load_archive(archive_path(folder, image))
    epoch = gather_revision(image.sources).epoch
    subject = build_image_subject(archive, image.name, gather_version(), epoch)
    text = build_image_bill(archive, subject)
    path = folder / f"{image.name}.cdx.json"
    path.write_text(text, encoding="utf-8")
    return path, text.count('"type": "library"')


def main() -> None:
    """Write every bill and say how much each lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES_FOLDER, help="folder of the archives")
    folder = parser.parse_args().into
    try:
        for image in IMAGES:
            path, components = write_bill(image, folder)
            sys.stdout.write(f"{path}: {components} components\n")
    except ReleaseError as error:
        sys.exit(f"sbom: {error}; `make images` writes the archives")


if __name__ == "__main__":
    main()
