"""Who this local assistant is and who gives it orders: a uid, and the operator's key pair."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from steward_api.blueprint import TrustedKey
from steward_api.receipt import key_id_of
from steward_cli.local.files import write_private
from steward_cli.local.layout import StateFolder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

UID_FILE: Final = "uid"
KEY_FILE: Final = "operatorKey"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the API server and the operator's Secret would say in a cluster."""

    uid: str
    key: Ed25519PrivateKey
    trusted: TrustedKey


def gather_identity(state: StateFolder) -> Identity:
    """Read uid and operator key of `state`, made at its first start."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    uid_file, key_file = state.operator / UID_FILE, state.operator / KEY_FILE
    if not uid_file.exists():
        write_private(uid_file, str(uuid.uuid4()).encode())
    if not key_file.exists():
        fresh = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(key_file, fresh)
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{key_file} is not an Ed25519 key")
    return Identity(uid_file.read_text().strip(), key, build_trusted_key(key))


def build_trusted_key(key: Ed25519PrivateKey) -> TrustedKey:
    """Return the public half in the form of `trust.json`."""
    raw = key.public_key().public_bytes_raw()
    return TrustedKey(key_id=key_id_of(raw), public_key=base64.b64encode(raw).decode())
