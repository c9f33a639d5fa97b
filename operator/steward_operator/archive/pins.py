"""Pinned keys: the first that a runtime showed, or one that it named as its successor.

Beside the shelf lies the pinned key of each assistant, and every statement by which it was left for
another. A runtime that shows a key which nothing leads to is not trusted any more: its receipts
stay where they are until somebody has looked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from steward_api.key_change import find_predecessors
from steward_operator.archive.errors import ReceiptForeign, ShelfBroken
from steward_operator.archive.keys import PUBLIC_KEY_BYTES, check_ed25519

PINS_FOLDER: Final = "pinned"
FILE_MODE: Final = 0o440


class Pins:
    """The pinned keys of all assistants below one folder.

    Args:
        root: folder of the archive.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / PINS_FOLDER

    def take(
        self, of: tuple[str, str], uid: str, shown: bytes, changes: Iterable[bytes]
    ) -> tuple[bytes, ...]:
        """Pin a key at first sight, or for one that leads to it; return all that count.

        Args:
            of: namespace and name of the assistant.
            uid: its uid.
            shown: raw public key that its runtime shows.
            changes: statements that the runtime hands out.

        Returns:
            The pinned key first, then those that lead to it.

        Raises:
            ReceiptForeign: if another key is pinned, and no statement leads from it.
            ShelfBroken: if a file cannot be read.
        """
        path = self._folder / uid
        path.parent.mkdir(parents=True, exist_ok=True)
        known = tuple(changes)
        earlier = find_predecessors(shown, known, of, check_ed25519)
        pinned = self._read(uid) if path.exists() else None
        if pinned not in {None, shown, *earlier}:
            raise ReceiptForeign(
                f"the runtime of {of[0]}/{of[1]} shows another signing key than the one pinned in "
                f"{path}, which has not named it as its successor: find out why before you remove "
                "that file"
            )
        self._keep(uid, known)
        if pinned != shown:
            _write(path, shown)
        return self.list_keys(of, uid)

    def list_keys(self, of: tuple[str, str], uid: str) -> tuple[bytes, ...]:
        """Return the pinned key and those that lead to it, by what lies here.

        Raises:
            ShelfBroken: if a file cannot be read.
        """
        pinned, folder = self._read(uid), self._changes(uid)
        files = sorted(folder.iterdir()) if folder.is_dir() else ()
        texts = [file.read_bytes() for file in files if file.suffix == ".json"]
        return (pinned, *find_predecessors(pinned, texts, of, check_ed25519))

    def _keep(self, uid: str, changes: Iterable[bytes]) -> None:
        """Keep statements, each under the digest of its bytes; they come before a new pin."""
        folder = self._changes(uid)
        for change in changes:
            file = folder / f"{hashlib.sha256(change).hexdigest()}.json"
            if not file.exists():
                folder.mkdir(exist_ok=True)
                _write(file, change)

    def _changes(self, uid: str) -> Path:
        return self._folder / f"{uid}.changes"

    def _read(self, uid: str) -> bytes:
        path = self._folder / uid
        try:
            pinned = path.read_bytes()
        except OSError as fault:
            raise ShelfBroken(f"{path} cannot be read ({type(fault).__name__})") from fault
        if len(pinned) != PUBLIC_KEY_BYTES:
            raise ShelfBroken(f"{path} holds no key: restore it from a copy")
        return pinned


def _write(path: Path, content: bytes) -> None:
    """Write or replace a file in one step; it is on the disk when this returns."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
