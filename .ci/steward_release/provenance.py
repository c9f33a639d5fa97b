"""How a release came about: an in-toto statement of SLSA's shape, signed in a DSSE envelope.

Says which files were made from which commit by which steps. It holds for a file only with the
signature of a key that the reader trusts; who holds that key, and on what machine, is not proven.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from steward_api.canonical import render_canonical
from steward_api.meta import GROUP
from steward_api.receipt import (
    PAYLOAD_TYPE,
    STATEMENT_TYPE,
    Envelope,
    build_envelope,
    build_signature,
    key_id_of,
    pre_authentication_encoding,
)
from steward_release.errors import KeyRefused, ProvenanceRefused
from steward_release.wheels import digest_file

PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = f"https://{GROUP}/release/v1"
BUILDER: Final = f"https://{GROUP}/release/make"


@dataclass(frozen=True, slots=True)
class Source:
    """What a release was made from."""

    commit: str
    version: str
    started_at: str
    """RFC 3339 time."""
    finished_at: str
    """RFC 3339 time."""
    materials: Mapping[str, str]
    """Name of each lock, base and tool, to its SHA-256."""


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key in PKCS8 PEM without a password.

    Raises:
        KeyRefused: if it is absent, or no such key.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as fault:
        raise KeyRefused(
            f"the signing key {path} cannot be read ({type(fault).__name__}); "
            "`openssl genpkey -algorithm ed25519` makes one"
        ) from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(
            f"{path} is no Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key in PEM.

    Raises:
        KeyRefused: if it is absent, or no Ed25519 key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise KeyRefused(f"the public key {path} cannot be read: give it as PEM") from fault
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"{path} is no Ed25519 public key")
    return key


def build_statement(files: Mapping[str, str], source: Source) -> dict[str, Any]:
    """Build the statement: files by name and SHA-256, and what they were made from."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"word": "release", "version": source.version},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": source.commit}},
                    *(
                        {"name": name, "digest": {"sha256": digest}}
                        for name, digest in sorted(source.materials.items())
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"startedOn": source.started_at, "finishedOn": source.finished_at},
            },
        },
    }


def sign_statement(statement: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the file of the signed statement."""
    payload = render_canonical(dict(statement))
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return build_envelope(payload, (build_signature(public, signature),)).render()


def verify_provenance(raw: bytes, key: Ed25519PublicKey, folder: Path) -> dict[str, Any]:
    """Check signature and files, and return the statement.

    Args:
        raw: the file of the signed statement.
        key: the key that the reader trusts.
        folder: where the files lie that the statement names.

    Raises:
        ProvenanceRefused: if the signature does not hold, or a file is absent or another.
    """
    try:
        envelope = Envelope.model_validate_json(raw)
        public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        signatures = [item for item in envelope.signatures if item.keyid == key_id_of(public)]
        if len(signatures) != 1 or envelope.payload_type != PAYLOAD_TYPE:
            raise ProvenanceRefused(f"it is not signed by the key {key_id_of(public)}")
        key.verify(base64.b64decode(signatures[0].sig, validate=True), envelope.signed_bytes())
        statement: dict[str, Any] = json.loads(envelope.payload_bytes())
    except InvalidSignature as fault:
        raise ProvenanceRefused("its signature does not hold: it was changed") from fault
    except ValueError as fault:
        raise ProvenanceRefused("the file is no DSSE envelope: it was changed") from fault
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise ProvenanceRefused(f"the statement is no {PREDICATE_TYPE}")
    for subject in statement["subject"]:
        path = folder / subject["name"]
        if not path.is_file():
            raise ProvenanceRefused(f"{subject['name']} is missing")
        if digest_file(path) != subject["digest"]["sha256"]:
            raise ProvenanceRefused(f"{subject['name']} is not the file that was released")
    return statement
