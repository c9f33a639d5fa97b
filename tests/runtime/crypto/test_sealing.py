"""Sealing: a value opens at its own place, under its own label and key, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steward_runtime.crypto.sealing import DataKey, new_locator, unwrap_key, wrap_key
from steward_runtime.errors import SealBroken

KEY = DataKey("k1", AESGCM(bytes(32)))
PLACE: dict[str, Any] = {"store": "journal", "locator": b"l" * 16, "label_digest": b"d" * 32}


def test_opens_what_it_sealed() -> None:
    """The same key, place and label give the content back."""
    assert KEY.open(KEY.seal(b"content", **PLACE), **PLACE) == b"content"


def test_two_seals_of_one_content_differ() -> None:
    """A fresh nonce each time: equal content is not visible."""
    first, second = KEY.seal(b"content", **PLACE), KEY.seal(b"content", **PLACE)
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


@pytest.mark.parametrize(
    "moved",
    [
        {**PLACE, "store": "messages"},
        {**PLACE, "locator": b"m" * 16},
        {**PLACE, "label_digest": b"e" * 32},
    ],
    ids=["store", "locator", "label"],
)
def test_refuses_another_place_or_label(moved: dict[str, Any]) -> None:
    """A row that was copied elsewhere or relabelled does not open."""
    with pytest.raises(SealBroken):
        KEY.open(KEY.seal(b"content", **PLACE), **moved)


def test_refuses_changed_bytes() -> None:
    """One flipped bit is noticed."""
    sealed = KEY.seal(b"content", **PLACE)
    flipped = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(SealBroken):
        KEY.open(replace(sealed, ciphertext=flipped), **PLACE)


def test_refuses_a_data_key_wrapped_for_another_row() -> None:
    """Wrapped keys cannot change places either."""
    kek = AESGCM(bytes(range(32)))
    nonce, wrapped = wrap_key(kek, b"k" * 32, place="row-1")
    assert unwrap_key(kek, nonce, wrapped, place="row-1") == b"k" * 32
    with pytest.raises(SealBroken):
        unwrap_key(kek, nonce, wrapped, place="row-2")


def test_a_key_never_shows_itself() -> None:
    """Neither the key nor its cipher is in the text of a data key."""
    assert "AESGCM" not in repr(KEY)


def test_locators_are_unlike() -> None:
    """Sixteen random bytes each."""
    assert len({new_locator() for _ in range(100)}) == 100
