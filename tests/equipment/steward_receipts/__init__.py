"""Receipts for tests: a claim without gaps, changed at will, signed by whom a test says.

Test equipment, never shipped.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from steward_api.receipt import (
    PAYLOAD_TYPE,
    AuditAnchor,
    ClassCount,
    Coverage,
    Envelope,
    NeedleCount,
    NeedleKind,
    Outcome,
    Place,
    PlaceScan,
    ReceiptPredicate,
    Statement,
    StoreProof,
    Subject,
    Trigger,
    build_envelope,
    build_signature,
    key_id_of,
    pre_authentication_encoding,
)
from steward_api.v1alpha1.retention_policy import DataClass

RUNTIME: Final = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
OPERATOR: Final = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))
STRANGER: Final = Ed25519PrivateKey.from_private_bytes(bytes([3] * 32))
DIGEST: Final = "sha256:" + "0" * 64


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """Return the raw public half."""
    return key.public_key().public_bytes_raw()


def pem_public(key: Ed25519PrivateKey) -> bytes:
    """Return the public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def build_claim(**changes: Any) -> ReceiptPredicate:
    """Return a Complete claim over one conversation of two messages; `changes` override members."""
    members: dict[str, Any] = {
        "run_id": "purge_1",
        "trigger": Trigger.WINDOW,
        "namespace": "default",
        "assistant": "helpdesk",
        "assistant_uid": "uid-1",
        "blueprint_digest": DIGEST,
        "policy": "short",
        "policy_digest": DIGEST,
        "started_at": "2026-01-31T08:00:00Z",
        "finished_at": "2026-01-31T08:00:01Z",
        "outcome": Outcome.COMPLETE,
        "classes": (build_class(),),
        "stores": (build_store(),),
        "places": (build_place(),),
        "keys_destroyed": 1,
        "scanner_digest": DIGEST,
        "log_size": 0,
        "previous_digest": None,
        "runtime_key_id": key_id_of(raw_public(RUNTIME)),
        **changes,
    }
    return ReceiptPredicate(**members)


def build_class(**changes: Any) -> ClassCount:
    """Return the count of one class."""
    members: dict[str, Any] = {
        "data_class": DataClass.CONVERSATIONS,
        "keep_seconds": 60,
        "cutoff": "2026-01-31T07:59:00Z",
        "due": 1,
        "held": 0,
        "deleted": 1,
        **changes,
    }
    return ClassCount(**members)


def build_store(**changes: Any) -> StoreProof:
    """Return the proof of one store."""
    members: dict[str, Any] = {
        "store": "conversations",
        "data_class": DataClass.CONVERSATIONS,
        "coverage": Coverage.BYTES,
        "rows_due": 3,
        "rows_deleted": 3,
        "rows_left": 0,
        "needles": (build_needle(),),
        **changes,
    }
    return StoreProof(**members)


def build_needle(**changes: Any) -> NeedleCount:
    """Return the count of one kind of needle."""
    members: dict[str, Any] = {
        "kind": NeedleKind.CIPHERTEXT,
        "searched": 2,
        "found_before": 2,
        "found_after": 0,
        **changes,
    }
    return NeedleCount(**members)


def build_place(**changes: Any) -> PlaceScan:
    """Return the count of one place."""
    members: dict[str, Any] = {
        "place": Place.DATABASE,
        "files": 1,
        "bytes_before": 4096,
        "hits_before": 2,
        "bytes_after": 4096,
        "hits_after": 0,
        **changes,
    }
    return PlaceScan(**members)


def anchor(claim: ReceiptPredicate, seq: int = 1, previous_head: bytes = bytes(32)) -> AuditAnchor:
    """Return the place of a claim in an audit chain."""
    leaf = hashlib.sha256(b"\x00" + claim.render_claim()).digest()
    head = hashlib.sha256(b"\x01" + previous_head + leaf).hexdigest()
    return AuditAnchor(seq=seq, previous_head=previous_head.hex(), head=head)


def build_statement(claim: ReceiptPredicate | None = None) -> Statement:
    """Return the statement of a claim."""
    subject = Subject(name="default/helpdesk/purged-rows", digest={"sha256": "0" * 64})
    return Statement(subject=(subject,), predicate=claim or build_claim())


def sign(payload: bytes, *keys: Ed25519PrivateKey) -> Envelope:
    """Return an envelope with one signature of each key."""
    message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    signatures = tuple(build_signature(raw_public(key), key.sign(message)) for key in keys)
    return build_envelope(payload, signatures)


def build_receipt(*keys: Ed25519PrivateKey, claim: ReceiptPredicate | None = None) -> bytes:
    """Return the file of a receipt signed by these keys; by default by both that count."""
    return sign(build_statement(claim).render(), *(keys or (RUNTIME, OPERATOR))).render()
