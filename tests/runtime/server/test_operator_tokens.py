"""Tokens of the administration door."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from steward_api.blueprint import Trust, TrustedKey
from steward_runtime.errors import Unauthorized
from steward_runtime.server.errors import Forbidden
from steward_runtime.server.operator_tokens import AdminTokens, Scope, parse_signed_claims

NOW = 1_700_000_000
UID = "uid-1"
OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
CLAIMS = {"aud": UID, "scope": "status receipts", "iat": NOW, "exp": NOW + 60}


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def sign(
    claims: dict[str, Any], key: Ed25519PrivateKey = OPERATOR, header: dict[str, Any] | None = None
) -> str:
    """Make a compact JWT."""
    head = {"alg": "EdDSA", "typ": "JWT"} if header is None else header
    signed = f"{_encode(orjson.dumps(head))}.{_encode(orjson.dumps(claims))}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def _trusted(key: Ed25519PrivateKey) -> TrustedKey:
    raw = key.public_key().public_bytes_raw()
    key_id = hashlib.sha256(raw).hexdigest()[:16]
    return TrustedKey(key_id=key_id, public_key=base64.b64encode(raw).decode())


TRUST = Trust(namespace="n", assistant="a", uid=UID, operator_keys=(_trusted(OPERATOR),))


def _check(token: str, scope: Scope = Scope.STATUS, now: int = NOW, purge: str = "purge-1") -> None:
    AdminTokens(lambda: TRUST, lambda: purge, lambda: now).check(f"Bearer {token}", scope)


def test_lets_an_operator_in_for_its_scopes() -> None:
    """Each scope in the token opens its door and no other."""
    _check(sign(CLAIMS), Scope.STATUS)
    _check(sign(CLAIMS), Scope.RECEIPTS)
    with pytest.raises(Forbidden, match="purges"):
        _check(sign(CLAIMS), Scope.PURGES)


def test_lets_the_purge_token_in_for_purges_alone() -> None:
    """The token of the purge Job starts purges and reads nothing else."""
    _check("purge-1", Scope.PURGES)
    with pytest.raises(Forbidden):
        _check("purge-1", Scope.STATUS)


def test_has_no_purge_token_where_none_is_mounted() -> None:
    """An empty file is not a token that anybody can show."""
    with pytest.raises(Unauthorized):
        _check("x", Scope.PURGES, purge="")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "uid-2"},
        {"aud": None},
        {"exp": NOW + 61},
        {"exp": NOW - 1, "iat": NOW - 30},
        {"iat": NOW + 6, "exp": NOW + 30},
        {"exp": "soon"},
        {"scope": ["status"]},
        {"iat": None},
    ],
)
def test_refuses_claims_that_do_not_hold(change: dict[str, Any]) -> None:
    """Another Assistant, too long a life, another time, or a missing claim."""
    with pytest.raises(Unauthorized):
        _check(sign({**CLAIMS, **change}))


@pytest.mark.parametrize(
    "token",
    [
        sign(CLAIMS, STRANGER),
        sign(CLAIMS, header={"alg": "none"}),
        sign(CLAIMS, header={"alg": "HS256"}),
        sign(CLAIMS, header={"alg": "EdDSA", "crit": ["x"]}),
        sign(CLAIMS, header={"alg": "EdDSA", "kid": "0" * 16}),
        sign(CLAIMS)[:-4] + "AAAA",
        sign(CLAIMS).rsplit(".", 1)[0] + ".",
        "a.b.c",
        "",
        "x" * 5_000,
    ],
)
def test_refuses_a_token_that_no_operator_signed(token: str) -> None:
    """Strangers, other algorithms, a kid that is not trusted, a changed signature, garbage."""
    with pytest.raises(Unauthorized):
        _check(token)


def test_accepts_a_token_that_names_its_key() -> None:
    """With `kid` only that key is tried."""
    _check(sign(CLAIMS, header={"alg": "EdDSA", "kid": TRUST.operator_keys[0].key_id}))


def test_tolerates_clocks_that_differ_a_little() -> None:
    """Five seconds of skew are nothing to refuse a reconcile for."""
    _check(sign({**CLAIMS, "iat": NOW + 5, "exp": NOW + 65}))


@given(
    token=st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{_encode(raw)}.e30.AA")
)
def test_never_fails_on_any_text(token: str) -> None:
    """Whatever is shown, parsing gives claims or None."""
    assert parse_signed_claims(token, {"k": OPERATOR.public_key()}) is None


def test_takes_the_purge_token_that_was_replaced_while_it_is_mounted() -> None:
    """A Job that began before the rotation is let in, and to purges alone."""
    tokens = AdminTokens(lambda: TRUST, lambda: "new", lambda: 0, ("old",))
    for token in ("new", "old"):
        tokens.check(f"Bearer {token}", Scope.PURGES)
        with pytest.raises(Forbidden):
            tokens.check(f"Bearer {token}", Scope.STATUS)
    with pytest.raises(Unauthorized):
        tokens.check("Bearer other", Scope.PURGES)
