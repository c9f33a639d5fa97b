"""The signing key as it is mounted."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from steward_purge import RUNTIME_KEY, public_key_of
from steward_runtime.retention.errors import SigningKeyBroken
from steward_runtime.retention.signing import check_ed25519, read_signing_key


def test_reads_the_mounted_key(tmp_path: Path) -> None:
    """PKCS8 PEM, as the operator generates it."""
    pem = RUNTIME_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "signingKey").write_bytes(pem)
    key = read_signing_key(tmp_path)
    assert key.public_key == public_key_of(RUNTIME_KEY)
    assert key.public_pem.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_refuses_a_missing_key(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    with pytest.raises(SigningKeyBroken, match="signingKey"):
        read_signing_key(tmp_path)


def test_refuses_a_key_of_another_kind(tmp_path: Path) -> None:
    """Receipts are signed with Ed25519 only."""
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "signingKey").write_bytes(pem)
    with pytest.raises(SigningKeyBroken, match="no Ed25519"):
        read_signing_key(tmp_path)


@pytest.mark.parametrize(("key", "signature"), [(b"short", bytes(64)), (bytes(32), b"short")])
def test_misshapen_signatures_do_not_hold(key: bytes, signature: bytes) -> None:
    """They are wrong, not an error."""
    assert not check_ed25519(key, signature, b"message")
