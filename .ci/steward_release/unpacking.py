"""Unpacking of an image archive into a folder, as a container would show it."""

from __future__ import annotations

import posixpath
import shutil
import tarfile
from pathlib import Path

from steward_release.archives import OPAQUE, WHITEOUT, ImageArchive, open_archive, open_layer


def unpack_image(image: ImageArchive, folder: Path) -> None:
    """Unpack all layers over each other; owners are kept when root does it.

    Only for archives of our own making: names in them are trusted.

    Raises:
        ArchiveInvalid: if the archive cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the root of a container can be entered by everybody
    with open_archive(image.path) as packed:
        for layer in image.layers:
            with open_layer(packed, layer.digest, image.path) as files:
                _lay_over(files, folder)


def _lay_over(files: tarfile.TarFile, folder: Path) -> None:
    for entry in files:
        parent, name = posixpath.split(posixpath.normpath(entry.name))
        if name == OPAQUE:
            for path in (folder / parent).iterdir():
                _remove(path)
        elif name.startswith(WHITEOUT):
            _remove(folder / parent / name.removeprefix(WHITEOUT))
        else:
            files.extract(entry, folder, filter="fully_trusted")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
