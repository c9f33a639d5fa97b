"""Ballast: a file that is thrown away when the disk is full, so that a purge can make room.

Deleting from SQLite needs room first: the write-ahead log grows before the database shrinks. On a
full disk nothing could ever be purged again, and shortening a window would not help.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

BALLAST_FILE: Final = "ballast"
BALLAST_BYTES: Final = 8 * 1024 * 1024
"""Twice the size at which SQLite moves its write-ahead log into the database by itself (1,000
pages): room for one copy of it, and for the deletions that follow.
"""
ROOM_FACTOR: Final = 4
"""Taken only where at least so many times its size is free: it must not fill the disk itself."""


class Ballast:
    """The ballast beside one database.

    Args:
        folder: data directory.
        size_bytes: bytes to hold back.
    """

    def __init__(self, folder: Path, size_bytes: int = BALLAST_BYTES) -> None:
        self._path = folder / BALLAST_FILE
        self._size_bytes = size_bytes

    def keep(self) -> bool:
        """Take the ballast on board if it is not there and there is room; say whether it is."""
        try:
            if self._path.exists() and self._path.stat().st_size >= self._size_bytes:
                return True
            space = os.statvfs(self._path.parent)
            if space.f_bavail * space.f_frsize < self._size_bytes * ROOM_FACTOR:
                return False
            with self._path.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, self._size_bytes)
        except OSError:
            self.drop()
            return False
        return True

    def drop(self) -> bool:
        """Throw the ballast away; say whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
