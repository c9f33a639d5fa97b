"""One client of `/internal/v1`: a deadline on every call, a bound on every answer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_operator.archive.tokens import build_token
from steward_operator.contract.errors import (
    RuntimeAnswerBroken,
    RuntimeRefused,
    RuntimeUnreachable,
)
from steward_operator.names import FIRST_GENERATION

TIMEOUT_SECONDS: Final = 2.0
"""A runtime answers from memory; a slower one counts as unreachable and is asked later."""
ANSWER_BYTES_MAX: Final = 65_536
PUBLIC_KEY_BYTES: Final = 32
REFUSED: Final = frozenset({401, 403})
BUSY_MIN: Final = 500
BUSY: Final = frozenset({408, 429})


class Scope(StrEnum):
    """What a token opens."""

    STATUS = "status"
    ERASURES = "erasures"


@dataclass(frozen=True, slots=True)
class Target:
    """One runtime.

    Attributes:
        name: the Assistant's name, for errors.
        uid: its uid, the audience of tokens.
        base_url: where its administration API listens.
    """

    name: str
    uid: str
    base_url: str


@dataclass(frozen=True, slots=True)
class RuntimeStatus:
    """What a runtime says about itself."""

    blueprint_digest: str
    public_key: bytes
    """Raw Ed25519 key (32 bytes) that its receipts are signed with."""
    key_generation: int | None = FIRST_GENERATION
    """Generation of the key-encryption key that wraps every data key; None while it changes."""
    key_changes: tuple[bytes, ...] = ()
    """Files of the statements by which its signing keys followed one another."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far the erasure of an assistant is."""

    is_ended: bool
    outcome: str | None
    """`Complete` or `Partial` once it has ended."""
    receipt_digest: str | None


class RuntimeClient:
    """Calls runtimes.

    Args:
        session: open HTTP session.
        key: the operator's key.
        now_seconds: wall clock that tokens are valid from.
        timeout_seconds: deadline of one call.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        key: Ed25519PrivateKey,
        now_seconds: Callable[[], int],
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._session = session
        self._key = key
        self._now_seconds = now_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def read_status(self, target: Target) -> RuntimeStatus:
        """Ask which Blueprint is served and which key signs receipts.

        Raises:
            RuntimeFault: if it does not answer as the contract says.
        """
        document = await self._call("GET", target, "/status", Scope.STATUS)
        try:
            return _parse_status(document)
        except (KeyError, TypeError, binascii.Error, ValueError):
            raise _broken(target) from None

    async def start_erasure(self, target: Target) -> Erasure:
        """Order the erasure of everything; the same again changes nothing and tells how far it is.

        Raises:
            RuntimeFault: if it does not answer as the contract says.
        """
        document = await self._call("POST", target, "/erasures", Scope.ERASURES)
        is_ended = document.get("isEnded")
        outcome, digest = document.get("outcome"), document.get("receiptDigest")
        if not isinstance(is_ended, bool) or not all(
            value is None or isinstance(value, str) for value in (outcome, digest)
        ):
            raise _broken(target)
        return Erasure(is_ended, outcome, digest)

    async def _call(self, method: str, target: Target, path: str, scope: Scope) -> dict[str, Any]:
        token = build_token(self._key, target.uid, scope.value, self._now_seconds())
        try:
            async with self._session.request(
                method,
                f"{target.base_url}/internal/v1{path}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                _check_status(target, response.status)
                raw = await _read(target, response)
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise RuntimeUnreachable(
                f"the runtime of Assistant {target.name} did not answer ({type(fault).__name__}); "
                "look at its Pod; it is asked again later"
            ) from fault
        return _parse(target, raw)


def _parse_status(document: dict[str, Any]) -> RuntimeStatus:
    """Parse what a runtime says; one of the version before knows one generation of keys.

    Raises:
        KeyError: if a member is missing.
        ValueError: if one is misshapen.
    """
    public_key = base64.b64decode(str(document["publicKey"]), validate=True)
    generation = document.get("encryptionKeyGeneration", FIRST_GENERATION)
    changes = document.get("keyChanges", [])
    is_shaped = isinstance(changes, list) and isinstance(generation, int | None)
    if len(public_key) != PUBLIC_KEY_BYTES or not is_shaped:
        raise ValueError("a member of the status is misshapen")
    texts = tuple(str(change).encode() for change in changes)
    return RuntimeStatus(str(document["blueprintDigest"]), public_key, generation, texts)


async def _read(target: Target, response: aiohttp.ClientResponse) -> bytes:
    """Read the whole answer, and no more than the contract could fill."""
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > ANSWER_BYTES_MAX:
            raise _broken(target)
    return bytes(raw)


def _check_status(target: Target, status: int) -> None:
    if 200 <= status < 300:
        return
    if status in REFUSED:
        raise RuntimeRefused(
            f"the runtime of Assistant {target.name} refused the operator's token ({status}); its "
            "trust document may be a minute behind; otherwise check the clocks of the nodes"
        )
    if status >= BUSY_MIN or status in BUSY:
        raise RuntimeUnreachable(
            f"the runtime of Assistant {target.name} cannot answer now ({status}); look at its "
            "log; it is asked again later"
        )
    raise _broken(target)


def _parse(target: Target, raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        raise _broken(target) from None
    if not isinstance(document, dict):
        raise _broken(target)
    return document


def _broken(target: Target) -> RuntimeAnswerBroken:
    return RuntimeAnswerBroken(
        f"what listens as runtime of Assistant {target.name} does not speak /internal/v1; check "
        "the runtime's image"
    )
