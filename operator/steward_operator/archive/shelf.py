"""The shelf: one folder per assistant, one file per receipt, only ever added to.

A file is named after its place in the chain and its digest, written beside, synced, and linked to
its name; linking fails where the name exists, so nothing is ever overwritten. There is no delete.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from steward_api.receipt import Envelope
from steward_api.verification import ReceiptRefused, parse_envelope, parse_statement
from steward_operator.archive.check import Head
from steward_operator.archive.errors import ShelfBroken

FILE_MODE: Final = 0o440
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NAME = re.compile(r"([0-9]{8})-([0-9a-f]{64})\.json")
_PART: Final = ".part"


class Shelf:
    """Receipts of any number of assistants below one folder.

    Args:
        root: the folder; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, uid: str, envelope: Envelope) -> Path:
        """Store a receipt; it is on the disk when this returns. The same again changes nothing.

        Raises:
            ShelfBroken: if another file has its name, or it cannot be written.
        """
        log_size = parse_statement(envelope).predicate.log_size
        folder = self._folder(uid)
        path = folder / f"{log_size:08d}-{envelope.digest.removeprefix('sha256:')}.json"
        content = envelope.render()
        try:
            self._make_folder(folder)
            self._write_once(path, content)
        except FileExistsError:
            if path.read_bytes() != content:
                raise ShelfBroken(
                    f"{path} holds another receipt than the one to be stored: compare them; "
                    "nothing was overwritten"
                ) from None
        except OSError as fault:
            raise ShelfBroken(
                f"{path} could not be written ({type(fault).__name__}): check the archive's volume"
            ) from fault
        return path

    def read(self, uid: str, digest: str) -> bytes | None:
        """Return the file of a receipt, or None."""
        for path, head in self._list(uid):
            if head.digest == digest:
                return path.read_bytes()
        return None

    def find_head(self, uid: str) -> Head | None:
        """Return the last receipt of an assistant.

        Raises:
            ShelfBroken: if a receipt is missing in between, or the last one was changed.
        """
        listed = self._list(uid)
        if not listed:
            return None
        path, head = listed[-1]
        if [entry.log_size for _, entry in listed] != list(range(len(listed))):
            raise ShelfBroken(
                f"{path.parent} does not hold every receipt up to number {head.log_size}: restore "
                "it from a copy"
            )
        try:
            envelope = parse_envelope(path.read_bytes())
        except ReceiptRefused as fault:
            raise ShelfBroken(f"{path} was changed: restore it from a copy") from fault
        if envelope.digest != head.digest:
            raise ShelfBroken(f"{path} was changed: restore it from a copy")
        issuer = parse_statement(envelope).predicate.assistant_uid
        return replace(head, is_inherited=issuer != uid)

    def list_digests(self, uid: str) -> tuple[str, ...]:
        """Return the digests of an assistant's receipts in order."""
        return tuple(head.digest for _, head in self._list(uid))

    def _list(self, uid: str) -> list[tuple[Path, Head]]:
        folder = self._folder(uid)
        if not folder.is_dir():
            return []
        found = []
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.append((path, Head(int(match[1]), f"sha256:{match[2]}")))
        return found

    def _folder(self, uid: str) -> Path:
        if _UID.fullmatch(uid) is None:
            raise ShelfBroken(f"uid {uid!r} cannot name a folder: it is no Kubernetes uid")
        return self._root / uid

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for each in (folder.parent, folder.parent.parent):
                _sync_folder(each)

    def _write_once(self, path: Path, content: bytes) -> None:
        if path.exists():
            raise FileExistsError(path)
        part = path.with_suffix(_PART)
        part.unlink(missing_ok=True)  # left by a crash before it got its name
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            path.hardlink_to(part)
        finally:
            part.unlink()
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
