"""Pulling receipts from a runtime: check, co-sign, put on the shelf, acknowledge; one by one.

A receipt is acknowledged only after it is on the disk of the shelf. Killed in between, the next
pull acknowledges it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import Signature
from steward_api.verification import ReceiptRefused, parse_envelope
from steward_operator.archive.check import Issuer, check_receipt
from steward_operator.archive.errors import ArchiveError, ShelfBroken
from steward_operator.archive.keys import check_ed25519, cosign
from steward_operator.archive.shelf import Shelf

INTERVAL_SECONDS: Final = 5.0
"""Seconds between two pulls: a receipt is archived soon after its run, for one small request."""
INTERVAL_SECONDS_MAX: Final = 300.0
"""Longest pause after failures, each of which doubles it."""
_log = logging.getLogger(__name__)


class ReceiptSource(Protocol):
    """The runtime of one assistant, as the archive sees it.

    Every method raises `SourceUnreachable` if it does not answer.
    """

    async def list_after(self, digest: str | None) -> tuple[str, ...]:
        """Return digests of receipts after one, oldest first; from the beginning for None.

        Raises:
            ChainBroken: if the runtime does not know that receipt.
        """
        ...

    async def read(self, digest: str) -> bytes:
        """Return the file of a receipt."""
        ...

    async def acknowledge(self, digest: str, cosignature: Signature) -> None:
        """Hand over the co-signature; the same again does no harm."""
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull has put on the shelf: digests, oldest first."""

    digests: tuple[str, ...] = ()


class Puller:
    """Pulls the receipts of one assistant.

    Args:
        source: its runtime.
        shelf: where receipts are kept.
        issuer: whose receipts they must be.
        key: the operator's signing key.
        further_keys: raw public keys whose co-signatures count besides.
    """

    def __init__(
        self,
        source: ReceiptSource,
        shelf: Shelf,
        issuer: Issuer,
        key: Ed25519PrivateKey,
        further_keys: tuple[bytes, ...] = (),
    ) -> None:
        self._source = source
        self._shelf = shelf
        self._issuer = issuer
        self._key = key
        self._public_keys = (key.public_key().public_bytes_raw(), *further_keys)
        self._acknowledged: str | None = None

    async def pull(self) -> Pulled:
        """Pull everything that is new.

        Raises:
            SourceUnreachable: if the runtime does not answer; what was pulled stays.
            ReceiptRefused: if it hands out something that is no receipt.
            ArchiveError: if a receipt is foreign, out of order, or cannot be stored.
        """
        head = await asyncio.to_thread(self._shelf.find_head, self._issuer.uid)
        if head is not None and head.digest != self._acknowledged:
            await self._acknowledge(head.digest)
        pulled: list[str] = []
        while digests := await self._source.list_after(None if head is None else head.digest):
            for digest in digests:
                await self._archive(digest)
                pulled.append(digest)
            head = await asyncio.to_thread(self._shelf.find_head, self._issuer.uid)
        return Pulled(tuple(pulled))

    async def keep_pulling(
        self,
        on_pulled: Callable[[Pulled], None] | None = None,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        """Pull for ever, until cancelled; after a failure wait longer and try again."""
        pause = interval_seconds
        while True:
            try:
                pulled = await self.pull()
            except (ArchiveError, ReceiptRefused) as fault:
                pause = min(pause * 2, INTERVAL_SECONDS_MAX)
                _log.warning("PullFailed", extra={"reason": str(fault.reason)})
            else:
                pause = interval_seconds
                if on_pulled is not None and pulled.digests:
                    on_pulled(pulled)
            await asyncio.sleep(pause)

    async def _archive(self, digest: str) -> None:
        raw = await self._source.read(digest)
        await asyncio.to_thread(self._check_and_store, raw, digest)
        await self._acknowledge(digest)

    def _check_and_store(self, raw: bytes, digest: str) -> None:
        head = self._shelf.find_head(self._issuer.uid)
        envelope = check_receipt(raw, self._issuer, self._public_keys, head, check_ed25519)
        if envelope.digest != digest:
            raise ShelfBroken(f"the runtime handed out {envelope.digest} when asked for {digest}")
        signatures = (*envelope.signatures, cosign(envelope, self._key))
        self._shelf.put(self._issuer.uid, envelope.model_copy(update={"signatures": signatures}))

    async def _acknowledge(self, digest: str) -> None:
        raw = await asyncio.to_thread(self._shelf.read, self._issuer.uid, digest)
        if raw is None:
            raise ShelfBroken(f"receipt {digest} vanished from the shelf: restore it from a copy")
        await self._source.acknowledge(digest, cosign(parse_envelope(raw), self._key))
        self._acknowledged = digest
