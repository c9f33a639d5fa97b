"""The operator's view of a runtime: status and receipts, opened with the operator's key."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.verification import Verification, verify_receipt
from steward_operator.archive.keys import check_ed25519
from steward_operator.archive.tokens import build_token


def write_operator_key(path: Path) -> Ed25519PrivateKey:
    """Write a fresh key of the operator as PEM, and return it."""
    key = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return key


@dataclass(frozen=True, slots=True)
class Administration:
    """The administration port of one runtime.

    Attributes:
        url: its base URL, without path.
        uid: uid of the Assistant, for which tokens are made.
        key: the operator's key.
    """

    url: str
    uid: str
    key: Ed25519PrivateKey

    def read(self, path: str, scope: str) -> httpx.Response:
        """Read one document with a token of a scope."""
        token = build_token(self.key, self.uid, scope, int(time.time_ns() // 1_000_000_000))
        answer = httpx.get(
            f"{self.url}/internal/v1/{path}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=10,
        )
        answer.raise_for_status()
        return answer

    def read_status(self) -> Any:
        """Return what the runtime says of itself."""
        return self.read("status", "status").json()

    def verify_receipts(self) -> tuple[Verification, ...]:
        """Read every receipt and verify it with the key that the runtime shows."""
        public = base64.b64decode(self.read_status()["publicKey"])
        listed = self.read("receipts", "receipts").json()["receipts"]
        raws = [self.read(f"receipts/{each['digest']}", "receipts").content for each in listed]
        return tuple(verify_receipt(raw, (public,), check_ed25519) for raw in raws)
