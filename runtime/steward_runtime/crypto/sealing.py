"""Sealing: AES-256-GCM whose associated data binds a value to its place and its label."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steward_runtime.errors import SealBroken

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""96 random bits (NIST SP 800-38D, 8.2.2): one data key seals far fewer than 2^32 values."""
LOCATOR_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed value as it lies in a row."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class DataKey:
    """One unwrapped data key. It never leaves memory; `key_id` names its wrapped form."""

    key_id: str
    cipher: AESGCM = field(repr=False, compare=False)

    def seal(self, plaintext: bytes, *, store: str, locator: bytes, label_digest: bytes) -> Sealed:
        """Encrypt `plaintext` for the row `locator` of `store` under a label.

        Args:
            plaintext: the content.
            store: name of the table.
            locator: 16 random bytes that name the row; see `new_locator`.
            label_digest: `labels.digest_label` of the content's label.
        """
        nonce = os.urandom(NONCE_BYTES)
        bound = _bind(store, locator, label_digest)
        return Sealed(self.key_id, nonce, self.cipher.encrypt(nonce, plaintext, bound))

    def open(self, sealed: Sealed, *, store: str, locator: bytes, label_digest: bytes) -> bytes:
        """Decrypt what `seal` made for the same place and label.

        Raises:
            SealBroken: if bytes, place or label differ.
        """
        try:
            return self.cipher.decrypt(
                sealed.nonce, sealed.ciphertext, _bind(store, locator, label_digest)
            )
        except InvalidTag as fault:
            raise SealBroken(
                f"row {locator.hex()} of {store} cannot be opened: its bytes, place or label were "
                "changed; restore the volume from a backup"
            ) from fault


def new_locator() -> bytes:
    """Return 16 random bytes that name one row and appear nowhere else."""
    return os.urandom(LOCATOR_BYTES)


def new_key_id() -> str:
    """Return a random name for a data key, 32 hex digits."""
    return os.urandom(16).hex()


def new_data_key_bytes() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_BYTES)


def wrap_key(kek: AESGCM, key: bytes, *, place: str) -> tuple[bytes, bytes]:
    """Encrypt a data key under the key-encryption key: (nonce, wrapped)."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce, kek.encrypt(nonce, key, place.encode())


def unwrap_key(kek: AESGCM, nonce: bytes, wrapped: bytes, *, place: str) -> bytes:
    """Decrypt a data key.

    Raises:
        SealBroken: if the key-encryption key is another one or the row was changed.
    """
    try:
        return kek.decrypt(nonce, wrapped, place.encode())
    except InvalidTag as fault:
        raise SealBroken(
            "a data key cannot be unwrapped: the mounted key-encryption key is not the one that "
            "wrapped it; mount the right Secret"
        ) from fault


def _bind(store: str, locator: bytes, label_digest: bytes) -> bytes:
    """Return the associated data; a digest of fixed parts, so no two places read the same."""
    return hashlib.sha256(
        b"steward/seal/v1\0" + store.encode() + b"\0" + locator + label_digest
    ).digest()
