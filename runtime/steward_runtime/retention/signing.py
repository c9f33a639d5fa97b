"""The runtime's signing key: Ed25519, mounted as PKCS8 PEM."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from steward_api.receipt import (
    PAYLOAD_TYPE,
    Signature,
    build_signature,
    key_id_of,
    pre_authentication_encoding,
)
from steward_runtime.retention.errors import SigningKeyBroken

SIGNING_KEY_FILE: Final = "signingKey"


class SigningKey:
    """Signs statements; its public half is what auditors are given.

    Args:
        key: the private key.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        """Raw public key, 32 bytes."""
        self.key_id = key_id_of(self.public_key)
        """Its id in receipts."""

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM, as `openssl` and `steward verify` read it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, payload: bytes) -> Signature:
        """Sign the bytes of a statement (DSSE)."""
        return build_signature(
            self.public_key, self._key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
        )


def read_signing_key(directory: Path) -> SigningKey:
    """Read the signing key from its mounted Secret.

    Raises:
        SigningKeyBroken: if it is absent or no Ed25519 key in PKCS8 PEM.
    """
    path = directory / SIGNING_KEY_FILE
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as fault:
        raise SigningKeyBroken(
            f"the signing key {path} cannot be read ({type(fault).__name__}): mount the Secret "
            "that the operator generated"
        ) from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyBroken(
            f"the signing key {path} is no Ed25519 key: mount the Secret that the operator "
            "generated"
        )
    return SigningKey(key)


def check_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether an Ed25519 signature holds; a misshapen key or signature does not."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
