"""The folder that a Pod would see at /etc/steward."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.blueprint import Bindings, Blueprint, Denial, Trust, TrustedKey
from steward_api.canonical import render_canonical
from steward_serving.journal import KEK

API_KEY = "sk-steward-" + "t" * 43
PURGE_TOKEN = "purge-token-1"  # noqa: S105 - of a test
UID = "11111111-2222-3333-4444-555555555555"
OPERATOR_KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)


@dataclass(frozen=True)
class ConfigFiles:
    """Writes and changes the files of one assistant."""

    root: Path

    def write_all(self, blueprint: Blueprint) -> None:
        """Write Blueprint, trust and generated keys."""
        self.write("blueprint/blueprint.json", blueprint.render())
        self.write_trust()
        self.write("keys/api/apiKey", API_KEY.encode())
        self.write("keys/purge/token", PURGE_TOKEN.encode())
        self.write("keys/encryption/kek", base64.b64encode(KEK))
        self.write("keys/encryption/keyId", b"kek-1")
        self.write("keys/signing/signingKey", build_signing_pem(b"\x02" * 32))
        (self.root / "credentials").mkdir(parents=True, exist_ok=True)

    def write_generation(self, generation: int, *, is_older_kept: bool = True) -> None:
        """Rotate keys that encrypt and sign from the first generation, as the operator does."""
        if is_older_kept:
            self.write("keys/older/encryption/1/kek", base64.b64encode(KEK))
            self.write("keys/older/encryption/1/keyId", b"kek-1")
            self.write("keys/older/signing/1/signingKey", build_signing_pem(b"\x02" * 32))
        seed = bytes([generation + 16]) * 32
        self.write("keys/encryption/kek", base64.b64encode(seed))
        self.write("keys/encryption/keyId", f"kek-{generation}".encode())
        self.write("keys/encryption/generation", str(generation).encode())
        self.write("keys/signing/signingKey", build_signing_pem(seed))

    def drop_older(self) -> None:
        """Take the older generations away."""
        shutil.rmtree(self.root / "keys/older")

    def write_trust(
        self,
        *,
        has_operator: bool = True,
        denial: Denial | None = None,
        operator_keys: tuple[TrustedKey, ...] | None = None,
    ) -> None:
        """Write the trust document, with the operator's test key, without, or with others."""
        raw = OPERATOR_KEY.public_key().public_bytes_raw()
        key = TrustedKey(
            key_id=hashlib.sha256(raw).hexdigest()[:16], public_key=base64.b64encode(raw).decode()
        )
        trust = Trust(
            namespace="test",
            assistant="helpdesk",
            uid=UID,
            operator_keys=operator_keys or ((key,) if has_operator else ()),
            denial=denial,
        )
        self.write("trust/trust.json", _render(trust))

    def write_bindings(self, **members: Any) -> None:
        """Write `bindings.json`."""
        self.write("bindings.json", _render(Bindings(**members)))

    def write_credential(self, name: str, token: str, hosts: str) -> None:
        """Write one Secret of a user."""
        self.write(f"credentials/{name}/token", token.encode())
        self.write(f"credentials/{name}/hosts", hosts.encode())

    def write_bound_key(self, folder: str, key_id: str, key: str, **members: Any) -> None:
        """Write one bound key."""
        document = {"keySha256": hashlib.sha256(key.encode()).hexdigest(), **members}
        self.write(f"credentials/{folder}/{key_id}", json.dumps(document).encode())

    def write(self, name: str, content: bytes) -> None:
        """Write one file by atomic replacement, as a mounted volume changes."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(content)
        fresh.replace(path)


def _render(document: Any) -> bytes:
    return render_canonical(document.model_dump(mode="json", by_alias=True, exclude_none=True))


def build_signing_pem(seed: bytes) -> bytes:
    """Return a signing key as the operator's Secret holds it."""
    return Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def build_operator_token(scope: str, now_seconds: int) -> str:
    """Return a token of the test's operator for one minute."""
    claims = {"aud": UID, "scope": scope, "iat": now_seconds, "exp": now_seconds + 60}
    parts = [_encode(json.dumps(each).encode()) for each in ({"alg": "EdDSA"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_encode(OPERATOR_KEY.sign(signed.encode()))}"


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
