"""Key material of generated Secrets: made here, written once, never read back or logged."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Final

from steward_operator.names import FIRST_GENERATION, GENERATION_KEY, SecretRole, secret_keys

API_KEY_PREFIX: Final = "sk-steward-"
TOKEN_BYTES: Final = 32
"""256 random bits: 43 characters in URL-safe base64."""
KEY_BYTES: Final = 32
"""AES-256, and the seed of an Ed25519 key (RFC 8032)."""
KEY_ID_BYTES: Final = 8
PKCS8_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")
"""What precedes the 32-byte seed in the PKCS #8 form of an Ed25519 private key (RFC 8410 §7). Any
32 random bytes are a seed, so no cryptography library is loaded for this."""
PEM_LABEL: Final = "PRIVATE KEY"


def build_material(role: SecretRole, generation: int = FIRST_GENERATION) -> dict[str, bytes]:
    """Return fresh contents for each file of a Secret of `role`."""
    material = _BUILDERS[role]()
    if GENERATION_KEY in secret_keys(role, generation):
        material[GENERATION_KEY] = str(generation).encode()
    return material


def encode_data(material: dict[str, bytes]) -> dict[str, str]:
    """Return `data` of a Secret: each content in base64."""
    return {name: base64.b64encode(content).decode() for name, content in material.items()}


def _api() -> dict[str, bytes]:
    return {"apiKey": f"{API_KEY_PREFIX}{secrets.token_urlsafe(TOKEN_BYTES)}".encode()}


def _purge() -> dict[str, bytes]:
    return {"token": secrets.token_urlsafe(TOKEN_BYTES).encode()}


def _encryption() -> dict[str, bytes]:
    return {
        "kek": base64.b64encode(secrets.token_bytes(KEY_BYTES)),
        "keyId": secrets.token_hex(KEY_ID_BYTES).encode(),
    }


def _signing() -> dict[str, bytes]:
    encoded = base64.b64encode(PKCS8_ED25519 + secrets.token_bytes(KEY_BYTES)).decode()
    pem = f"-----BEGIN {PEM_LABEL}-----\n{encoded}\n-----END {PEM_LABEL}-----\n"
    return {"signingKey": pem.encode()}


_BUILDERS: Final[dict[SecretRole, Callable[[], dict[str, bytes]]]] = {
    SecretRole.API: _api,
    SecretRole.PURGE: _purge,
    SecretRole.ENCRYPTION: _encryption,
    SecretRole.SIGNING: _signing,
}
