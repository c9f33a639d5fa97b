"""Errors of the archive.

ArchiveError
├── KeyUnreadable       a key file holds no Ed25519 key
├── ShelfBroken         a file on the shelf was changed, or cannot be read or written
├── ChainBroken         a receipt does not follow the last one that is archived
├── ReceiptForeign      a receipt is about another assistant
└── SourceUnreachable   the runtime did not answer; try again later

Each names the receipt or file and what to do; none holds content.
"""

from __future__ import annotations

from typing import ClassVar


class ArchiveError(Exception):
    """The archive cannot take or show a receipt; `reason` is a CamelCase constant."""

    reason: ClassVar[str] = "ArchiveFailed"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class KeyUnreadable(ArchiveError):
    """A file holds no Ed25519 key."""

    reason = "KeyUnreadable"


class ShelfBroken(ArchiveError):
    """A file on the shelf was changed, or cannot be read or written."""

    reason = "ShelfBroken"


class ChainBroken(ArchiveError):
    """A receipt does not follow the last one that is archived."""

    reason = "ChainBroken"


class ReceiptForeign(ArchiveError):
    """A receipt is about another assistant than the one it was pulled from."""

    reason = "ReceiptForeign"


class SourceUnreachable(ArchiveError):
    """The runtime did not answer; what it holds is pulled later."""

    reason = "RuntimeUnreachable"
    retryable = True
