"""Leaves and heads of the audit chain (pure).

`leaf = SHA-256(0x00 | salt | record)` and `head = SHA-256(0x01 | previous head | leaf)`; the
prefixes keep leaves and heads apart as in RFC 6962, section 2.1. Without the salt a leaf over a
small record could be guessed for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

SALT_BYTES: Final = 16
FIRST_HEAD: Final = bytes(32)
"""Head of an empty chain."""


def build_leaf(salt: bytes, record: bytes) -> bytes:
    """Return the leaf of a record (32 bytes)."""
    return hashlib.sha256(b"\x00" + salt + record).digest()


def extend_head(head: bytes, leaf: bytes) -> bytes:
    """Return the head after one more leaf (32 bytes)."""
    return hashlib.sha256(b"\x01" + head + leaf).digest()


def build_head(leaves: Iterable[bytes], head: bytes = FIRST_HEAD) -> bytes:
    """Return the head after all `leaves`, starting from `head`."""
    for leaf in leaves:
        head = extend_head(head, leaf)
    return head


def verify_record(leaf: bytes, salt: bytes, record: bytes) -> bool:
    """Say whether `leaf` was made of this record and salt."""
    return build_leaf(salt, record) == leaf
