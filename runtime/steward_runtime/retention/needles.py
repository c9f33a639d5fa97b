"""Needles: the byte strings by which a deleted row would be recognised anywhere (pure).

A row yields its locator (16 random bytes that appear nowhere else), and for each sealed value its
nonce and its ciphertext. A data key yields its wrapped form and the nonce of the wrapping.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from steward_api.receipt import NeedleKind

PIECE_BYTES: Final = 16
"""As long as the tag of AES-GCM, which is the shortest ciphertext there is."""
PIECE_STRIDE_BYTES: Final = 1_024
"""SQLite spreads a long value over pages of 4 KiB; a piece per KiB makes sure that whatever page
is left holds a whole one.
"""
KEYRING_STORE: Final = "keyring"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What identifies one row as bytes.

    Attributes:
        record_id: record that the row belongs to.
        locator: random bytes that name the row.
        key_id: data key of its sealed values.
        sealed: nonce and ciphertext of each sealed value.
    """

    record_id: str
    locator: bytes
    key_id: str
    sealed: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it lies in the keyring."""

    key_id: str
    subject: str
    key_class: str
    scope: str
    nonce: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Needle:
    """One byte string to search for; found when any of its pieces occurs.

    Attributes:
        store: store that it comes from.
        owner: record id, or key id for the keyring.
        kind: what it was.
        pieces: parts of it, each at least 11 bytes long.
    """

    store: str
    owner: str
    kind: NeedleKind
    pieces: tuple[bytes, ...]


def build_row_needles(store: str, row: SealedRow) -> tuple[Needle, ...]:
    """Return the needles of one row."""
    needles = [Needle(store, row.record_id, NeedleKind.LOCATOR, (row.locator,))]
    for nonce, ciphertext in row.sealed:
        needles.append(Needle(store, row.record_id, NeedleKind.NONCE, (nonce,)))
        pieces = cut_pieces(ciphertext)
        needles.append(Needle(store, row.record_id, NeedleKind.CIPHERTEXT, pieces))
    return tuple(needles)


def build_key_needles(keys: Iterable[WrappedKey]) -> tuple[Needle, ...]:
    """Return the needles of data keys."""
    return tuple(
        needle
        for key in keys
        for needle in (
            Needle(KEYRING_STORE, key.key_id, NeedleKind.WRAPPED_KEY, cut_pieces(key.wrapped)),
            Needle(KEYRING_STORE, key.key_id, NeedleKind.NONCE, (key.nonce,)),
        )
    )


def cut_pieces(value: bytes) -> tuple[bytes, ...]:
    """Return the first and last `PIECE_BYTES` of a value, and as many at every KiB between."""
    if len(value) <= PIECE_BYTES:
        return (value,)
    starts = [*range(0, len(value) - PIECE_BYTES, PIECE_STRIDE_BYTES), len(value) - PIECE_BYTES]
    return tuple(dict.fromkeys(value[at : at + PIECE_BYTES] for at in starts))
