"""Tokens for the administration API of a runtime: compact JWTs, Ed25519, 60 seconds at most."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import key_id_of

LIFETIME_SECONDS: Final = 60
RECEIPTS_SCOPE: Final = "receipts"


def build_token(key: Ed25519PrivateKey, uid: str, scope: str, now_seconds: int) -> str:
    """Return a token that opens `scope` of one Assistant for the next minute (RFC 7519, 8037)."""
    header = {"alg": "EdDSA", "kid": key_id_of(key.public_key().public_bytes_raw()), "typ": "JWT"}
    claims = {
        "aud": uid,
        "exp": now_seconds + LIFETIME_SECONDS,
        "iat": now_seconds,
        "scope": scope,
    }
    signed = f"{_encode(header)}.{_encode(claims)}"
    return f"{signed}.{_render(key.sign(signed.encode()))}"


def _encode(document: dict[str, Any]) -> str:
    return _render(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())


def _render(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
