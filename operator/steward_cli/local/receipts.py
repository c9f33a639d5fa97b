"""Receipts leave the assistant: pulled, co-signed, and kept in the archive of the state folder.

The archive's room does the work; here it is told where the runtime listens and which keys count.
Both public keys are kept beside the receipts, so that they can be verified when the rest of the
state is long erased.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steward_api.receipt import Envelope, key_id_of
from steward_api.verification import ReceiptRefused, parse_envelope
from steward_cli.local.child import Say
from steward_cli.local.files import write_private
from steward_cli.local.identity import UID_FILE, Identity
from steward_cli.local.layout import StateFolder

if TYPE_CHECKING:
    from steward_operator.archive.check import Issuer
    from steward_operator.archive.puller import Puller

PULL_SECONDS: Final = 5.0
KEYS_FOLDER: Final = "keys"
RUNTIME: Final = "runtime"
OPERATOR: Final = "operator"
SIGNING_KEY: Final = Path("keys", "signing", "signingKey")


@dataclass(frozen=True, slots=True)
class Signer:
    """A public key, with the name of who holds the private half."""

    name: str
    public_key: bytes
    """Raw 32 bytes."""


@dataclass(frozen=True, slots=True)
class ReceiptLoop:
    """Pulls receipts from the runtime until cancelled."""

    state: StateFolder
    namespace: str
    admin_url: str
    identity: Identity
    say: Say
    clock: Callable[[], datetime]

    async def keep(self) -> None:
        """Pull every few seconds; a fault that will not mend itself is said once."""
        import aiohttp

        from steward_operator.archive.errors import ArchiveError
        from steward_operator.archive.http_source import HttpSource
        from steward_operator.archive.puller import Puller
        from steward_operator.archive.shelf import Shelf

        apply_public_keys(self.state, gather_signers(self.state, self.identity))
        async with aiohttp.ClientSession() as session:
            source = HttpSource(
                session, self.admin_url, self.identity.uid, self.identity.key, self._seconds
            )
            puller = Puller(
                source, Shelf(self.state.archive), self._build_issuer(), self.identity.key
            )
            told: str | None = None
            while True:
                try:
                    await self._pull(puller)
                    told = None
                except (ArchiveError, ReceiptRefused) as fault:
                    told = self._tell(fault, told)
                await asyncio.sleep(PULL_SECONDS)

    async def _pull(self, puller: Puller) -> None:
        pulled = await puller.pull()
        for digest in pulled.digests:
            self.say(f"receipt {digest} is co-signed and archived in {self.state.archive}")

    def _tell(self, fault: Exception, told: str | None) -> str | None:
        if getattr(fault, "retryable", False):
            return told
        text = f"a receipt could not be archived: {fault}"
        if text != told:
            self.say(text)
        return text

    def _build_issuer(self) -> Issuer:
        from steward_operator.archive.check import Issuer

        runtime = gather_signers(self.state, self.identity)[0]
        return Issuer(self.namespace, self.state.name, self.identity.uid, runtime.public_key)

    def _seconds(self) -> int:
        return int(self.clock().timestamp())


def gather_signers(state: StateFolder, identity: Identity) -> tuple[Signer, ...]:
    """Return the public keys of runtime and operator, in that order."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key((state.config / SIGNING_KEY).read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{state.config / SIGNING_KEY} is not an Ed25519 key")
    return (
        Signer(RUNTIME, key.public_key().public_bytes_raw()),
        Signer(OPERATOR, identity.key.public_key().public_bytes_raw()),
    )


def apply_public_keys(state: StateFolder, signers: tuple[Signer, ...]) -> None:
    """Write the public keys beside the receipts, named by who holds the private half."""
    for signer in signers:
        name = f"{signer.name}-{key_id_of(signer.public_key)}.pem"
        write_private(state.archive / KEYS_FOLDER / name, render_public_key(signer.public_key))


def render_public_key(raw: bytes) -> bytes:
    """Write a raw Ed25519 public key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def gather_receipts(state: StateFolder) -> Iterator[tuple[bytes, Envelope]]:
    """Yield the archived receipts of the present assistant, newest first."""
    uid = (state.operator / UID_FILE).read_text(encoding="utf-8").strip()
    for path in sorted((state.archive / uid).glob("*.json"), reverse=True):
        raw = path.read_bytes()
        try:
            yield raw, parse_envelope(raw)
        except ReceiptRefused:
            continue
