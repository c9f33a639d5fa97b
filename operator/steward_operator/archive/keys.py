"""Ed25519 keys of auditors, archive and operator: reading, checking, signing."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from steward_api.receipt import Envelope, Signature, build_signature
from steward_operator.archive.errors import KeyUnreadable

PUBLIC_KEY_BYTES: Final = 32
PEM_MARK: Final = b"-----BEGIN"


def parse_public_key(text: bytes, name: str) -> bytes:
    """Return the raw public key (32 bytes) from PEM, or from base64 as in `trust.json`.

    Raises:
        KeyUnreadable: if the text is neither; `name` tells which file it was.
    """
    try:
        if PEM_MARK in text:
            key = load_pem_public_key(text)
            if isinstance(key, Ed25519PublicKey):
                return key.public_bytes_raw()
        else:
            raw = base64.b64decode(text.strip(), validate=True)
            if len(raw) == PUBLIC_KEY_BYTES:
                return raw
    except (ValueError, binascii.Error):
        pass
    raise KeyUnreadable(f"{name} holds no Ed25519 public key: give PEM, or base64 of its 32 bytes")


def check_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether an Ed25519 signature holds; a misshapen key or signature does not."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def cosign(envelope: Envelope, key: Ed25519PrivateKey) -> Signature:
    """Sign what the runtime has signed."""
    return build_signature(key.public_key().public_bytes_raw(), key.sign(envelope.signed_bytes()))
