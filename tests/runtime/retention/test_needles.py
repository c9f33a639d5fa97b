"""Needles: what a row and a key are recognised by."""

from __future__ import annotations

import os

from steward_api.receipt import NeedleKind
from steward_runtime.retention.needles import (
    SealedRow,
    WrappedKey,
    build_key_needles,
    build_row_needles,
    cut_pieces,
)


def test_a_row_yields_locator_nonce_and_ciphertext() -> None:
    """A row with a vector yields two of the latter."""
    row = SealedRow("r", bytes(16), "k", ((bytes(12), bytes(40)), (bytes(12), bytes(50))))
    kinds = [needle.kind for needle in build_row_needles("memory", row)]
    assert kinds == [
        NeedleKind.LOCATOR,
        NeedleKind.NONCE,
        NeedleKind.CIPHERTEXT,
        NeedleKind.NONCE,
        NeedleKind.CIPHERTEXT,
    ]


def test_a_key_yields_its_wrapped_form_and_nonce() -> None:
    """Either would be enough to begin with."""
    key = WrappedKey("k", "ada", "tasks", "", bytes(12), os.urandom(48))
    kinds = [needle.kind for needle in build_key_needles([key])]
    assert kinds == [NeedleKind.WRAPPED_KEY, NeedleKind.NONCE]


def test_any_kibibyte_of_a_long_value_holds_a_whole_piece() -> None:
    """So that one page that is left cannot hide."""
    value = os.urandom(10_000)
    pieces = cut_pieces(value)
    for start in range(0, len(value) - 1_040, 97):
        assert any(piece in value[start : start + 1_040] for piece in pieces)
    assert pieces[0] == value[:16]
    assert pieces[-1] == value[-16:]


def test_a_short_value_is_one_piece() -> None:
    """An empty text is its tag alone."""
    assert cut_pieces(bytes(16)) == (bytes(16),)
