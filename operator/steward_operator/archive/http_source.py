"""The runtime of one assistant over HTTP: its administration API, as the archive uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import Signature
from steward_operator.archive.errors import ChainBroken, SourceUnreachable
from steward_operator.archive.tokens import RECEIPTS_SCOPE, build_token

TIMEOUT_SECONDS: Final = 30.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
NOT_FOUND: Final = 404


def _now_seconds() -> int:
    return time.time_ns() // 1_000_000_000


class HttpSource:
    """Lists, reads and acknowledges receipts of one runtime.

    Args:
        session: open HTTP session.
        base_url: address of the administration API, for example `http://helpdesk-admin:8081`.
        uid: uid of the Assistant, for which tokens are made.
        key: the operator's signing key.
        now_seconds: the time that tokens are valid from.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        uid: str,
        key: Ed25519PrivateKey,
        now_seconds: Callable[[], int] = _now_seconds,
    ) -> None:
        self._session = session
        self._base_url = f"{base_url.rstrip('/')}/internal/v1/receipts"
        self._uid = uid
        self._key = key
        self._now_seconds = now_seconds

    async def list_after(self, digest: str | None) -> tuple[str, ...]:
        """Return digests of receipts after one, oldest first; from the beginning for None.

        Raises:
            ChainBroken: if the runtime does not know that receipt.
            SourceUnreachable: if it does not answer.
        """
        query = {} if digest is None else {"after": digest}
        status, raw = await self._request("GET", "", params=query)
        if status == NOT_FOUND:
            raise ChainBroken(
                f"the runtime at {self._base_url} does not know receipt {digest} any more: its "
                "volume was replaced or restored from before that receipt"
            )
        document = self._read_json(status, raw)
        return tuple(str(entry["digest"]) for entry in document["receipts"])

    async def read(self, digest: str) -> bytes:
        """Return the file of a receipt.

        Raises:
            SourceUnreachable: if the runtime does not answer.
        """
        status, raw = await self._request("GET", f"/{digest}")
        self._check_status(status)
        return raw

    async def acknowledge(self, digest: str, cosignature: Signature) -> None:
        """Hand over the co-signature; the same again does no harm.

        Raises:
            SourceUnreachable: if the runtime does not answer or refuses it.
        """
        document = cosignature.model_dump(mode="json", by_alias=True)
        status, _ = await self._request("PUT", f"/{digest}/cosignature", json=document)
        self._check_status(status)

    async def _request(self, method: str, path: str, **options: Any) -> tuple[int, bytes]:
        token = build_token(self._key, self._uid, RECEIPTS_SCOPE, self._now_seconds())
        try:
            async with self._session.request(
                method,
                f"{self._base_url}{path}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                allow_redirects=False,
                **options,
            ) as response:
                return response.status, await _read_bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise SourceUnreachable(
                f"{self._base_url} did not answer ({type(fault).__name__}): it is asked again later"
            ) from fault

    def _read_json(self, status: int, raw: bytes) -> dict[str, Any]:
        self._check_status(status)
        try:
            document: dict[str, Any] = json.loads(raw)
            _ = [entry["digest"] for entry in document["receipts"]]
        except (ValueError, KeyError, TypeError) as fault:
            raise SourceUnreachable(
                f"{self._base_url} answered something that is no list of receipts: check what "
                "listens there"
            ) from fault
        return document

    def _check_status(self, status: int) -> None:
        if not 200 <= status < 300:
            raise SourceUnreachable(
                f"{self._base_url} answered HTTP {status}: check the operator's key in trust.json "
                "and the clocks; it is asked again later"
            )


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read an answer to its end; `read(n)` alone returns what has arrived so far."""
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > ANSWER_BYTES_MAX:
            raise SourceUnreachable(
                f"{response.url.host} answered more than {ANSWER_BYTES_MAX} bytes: check what "
                "listens there"
            )
    return bytes(raw)
