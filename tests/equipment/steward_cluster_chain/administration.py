"""The operator's view of a runtime: status and receipts, opened with the operator's key."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.verification import Verification, verify_receipt
from steward_operator.archive.keys import check_ed25519
from steward_operator.archive.tokens import build_token


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

    def list_receipts(self) -> list[dict[str, Any]]:
        """Return what the runtime says of its receipts, oldest first."""
        return list(self.read("receipts", "receipts").json()["receipts"])

    def verify_receipts(self) -> tuple[Verification, ...]:
        """Read every receipt and verify it with the keys of runtime and operator."""
        public = base64.b64decode(self.read_status()["publicKey"])
        listed = [each["digest"] for each in self.list_receipts()]
        raws = [self.read(f"receipts/{digest}", "receipts").content for digest in listed]
        keys = (public, self.key.public_key().public_bytes_raw())
        return tuple(verify_receipt(raw, keys, check_ed25519) for raw in raws)
