"""Tokens of the administration door.

An operator signs compact JWTs (RFC 7519, `alg` EdDSA, RFC 8037) of at most 60 seconds for one
Assistant (`aud` is its uid) and given scopes. The purge Job shows a generated token instead, which
opens `/purges` and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steward_api.blueprint import Trust
from steward_runtime.errors import Unauthorized
from steward_runtime.server.errors import Forbidden

LIFETIME_SECONDS_MAX: Final = 60
SKEW_SECONDS: Final = 5
"""Clocks of two nodes may differ by so much."""
TOKEN_LENGTH_MAX: Final = 4_096


class Scope(StrEnum):
    """What a token may open."""

    STATUS = "status"
    RECEIPTS = "receipts"
    PURGES = "purges"
    ERASURES = "erasures"


class AdminTokens:
    """Checks tokens against the newest trust document."""

    def __init__(
        self,
        trust: Callable[[], Trust],
        purge_token: Callable[[], str | None],
        now: Callable[[], int],
        older_purge_tokens: tuple[str, ...] = (),
    ) -> None:
        """Take how to get the trust document, the purge token and the time in whole seconds.

        A Job that began before its token was replaced shows one of `older_purge_tokens`.
        """
        self._trust = trust
        self._purge_token = purge_token
        self._older_purge_tokens = older_purge_tokens
        self._now = now

    def check(self, authorization: str | None, scope: Scope) -> None:
        """Let a request through that shows a good token for `scope`.

        Raises:
            Unauthorized: if there is no good token.
            Forbidden: if it is good for something else.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_LENGTH_MAX:
            raise Unauthorized("The administration API needs `Authorization: Bearer <token>`.")
        if self._is_purge_token(token):
            scopes = frozenset({Scope.PURGES.value})
        else:
            scopes = self._verify(token)
        if scope.value not in scopes:
            raise Forbidden(f"The token is not good for {scope.value}.", reason="ScopeMissing")

    def _is_purge_token(self, token: str) -> bool:
        newest = self._purge_token()
        known = (newest, *self._older_purge_tokens)
        shown = token.encode()
        return any(each and hmac.compare_digest(shown, each.encode()) for each in known)

    def _verify(self, token: str) -> frozenset[str]:
        trust = self._trust()
        claims = parse_signed_claims(token, _gather_keys(trust))
        if claims is None:
            raise Unauthorized("The token is not signed by an operator that this runtime trusts.")
        return _check_claims(claims, trust.uid, self._now())


def parse_signed_claims(token: str, keys: dict[str, Ed25519PublicKey]) -> dict[str, Any] | None:
    """Return the claims of a compact JWT that one of the keys signed, or None."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (orjson.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (ValueError, binascii.Error):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    if header.get("alg") != "EdDSA" or "crit" in header:
        return None
    key = keys.get(str(header.get("kid")))
    candidates = list(keys.values()) if header.get("kid") is None else [key] if key else []
    signed = f"{parts[0]}.{parts[1]}".encode()
    return claims if any(_is_signed(each, signature, signed) for each in candidates) else None


def _check_claims(claims: dict[str, Any], uid: str, now: int) -> frozenset[str]:
    issued, expires, scope = claims.get("iat"), claims.get("exp"), claims.get("scope")
    if not isinstance(issued, int) or not isinstance(expires, int) or not isinstance(scope, str):
        raise Unauthorized("The token lacks iat, exp or scope.")
    if claims.get("aud") != uid:
        raise Unauthorized("The token was made for another Assistant.")
    if expires - issued > LIFETIME_SECONDS_MAX:
        raise Unauthorized(f"The token lives longer than {LIFETIME_SECONDS_MAX} seconds.")
    if not issued - SKEW_SECONDS <= now <= expires:
        raise Unauthorized("The token is not valid at this time. Check the clocks of the nodes.")
    return frozenset(scope.split())


def _gather_keys(trust: Trust) -> dict[str, Ed25519PublicKey]:
    keys: dict[str, Ed25519PublicKey] = {}
    for each in trust.operator_keys:
        raw = base64.b64decode(each.public_key)
        keys[each.key_id] = Ed25519PublicKey.from_public_bytes(raw)
    return keys


def _is_signed(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decode(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
