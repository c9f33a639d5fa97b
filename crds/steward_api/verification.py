"""Verification of receipts: what a receipt proves, decided from its bytes and given keys (pure).

Needs no cluster, no clock and no network. The one cryptographic step, checking an Ed25519
signature, comes in as an argument, so this module stays within pydantic and the standard library,
and anybody may bring a check of their own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pydantic import ValidationError

from steward_api.receipt import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    Coverage,
    Envelope,
    NeedleCount,
    Outcome,
    ReceiptPredicate,
    Signature,
    Statement,
    StoreProof,
    key_id_of,
)

SignatureCheck: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""(raw public key, signature, message) -> does the Ed25519 signature hold?"""

SIGNATURES_MAX = 8
RECEIPT_BYTES_MAX = 1024 * 1024
"""A receipt holds counts only; a larger file is none."""


class Verdict(StrEnum):
    """What a receipt may be shown as."""

    COMPLETE = "Complete"
    """Both signatures hold, and everything that was due is proven gone."""
    PARTIAL = "Partial"
    """The receipt itself states that something stayed or is not proven gone."""
    UNCOSIGNED = "Uncosigned"
    """The runtime claims Complete, and no co-signature was checked."""


class RefusalReason(StrEnum):
    """Why a file is not shown as a receipt at all."""

    NOT_A_RECEIPT = "NotAReceipt"
    NOT_CANONICAL = "NotCanonical"
    UNKNOWN_SIGNER = "UnknownSigner"
    SIGNATURE_BROKEN = "SignatureBroken"
    CONTRADICTS_ITSELF = "ContradictsItself"


class ReceiptRefused(ValueError):
    """The file is no receipt, was changed, is signed by others, or contradicts itself."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Verification:
    """What a receipt proves.

    Attributes:
        verdict: what it may be shown as.
        digest: `sha256:<hex>` of the signed statement.
        statement: the claim.
        runtime_key_id: key of the runtime's signature, which holds.
        cosigned_by: key of the operator's signature, which holds; None where there is none.
        unchecked: key ids of signatures whose key was not given.
    """

    verdict: Verdict
    digest: str
    statement: Statement
    runtime_key_id: str
    cosigned_by: str | None
    unchecked: tuple[str, ...]


def verify_receipt(
    raw: bytes, public_keys: tuple[bytes, ...], check_signature: SignatureCheck
) -> Verification:
    """Decide what the bytes of a receipt prove.

    Args:
        raw: the file.
        public_keys: raw Ed25519 public keys that the caller trusts: the runtime's, and the
            operator's where the receipt should be shown as Complete.
        check_signature: checks one Ed25519 signature.

    Raises:
        ReceiptRefused: if the file must not be shown as a receipt.
    """
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope)
    predicate = statement.predicate
    keys = {key_id_of(key): key for key in public_keys}
    if predicate.runtime_key_id not in keys:
        raise ReceiptRefused(
            RefusalReason.UNKNOWN_SIGNER,
            f"the receipt names runtime key {predicate.runtime_key_id}, which is not among the "
            "given keys; give the runtime's public key",
        )
    held, unchecked = _check_signatures(envelope, keys, check_signature)
    if predicate.runtime_key_id not in held:
        raise ReceiptRefused(
            RefusalReason.UNKNOWN_SIGNER,
            f"the receipt carries no signature of runtime key {predicate.runtime_key_id}",
        )
    if unchecked and len(keys) > 1:
        raise ReceiptRefused(
            RefusalReason.UNKNOWN_SIGNER,
            f"the receipt carries a signature of key {unchecked[0]}, which is not among the "
            "given keys",
        )
    contradictions = check_claims(predicate)
    if contradictions:
        raise ReceiptRefused(RefusalReason.CONTRADICTS_ITSELF, "; ".join(contradictions))
    others = tuple(key_id for key_id in held if key_id != predicate.runtime_key_id)
    return Verification(
        verdict=_decide_verdict(predicate, is_cosigned=bool(others)),
        digest=envelope.digest,
        statement=statement,
        runtime_key_id=predicate.runtime_key_id,
        cosigned_by=others[0] if others else None,
        unchecked=unchecked,
    )


def parse_envelope(raw: bytes) -> Envelope:
    """Read the file of a receipt; only its canonical spelling is accepted.

    Raises:
        ReceiptRefused: if the bytes are no envelope, or were reformatted or changed.
    """
    if len(raw) > RECEIPT_BYTES_MAX:
        raise ReceiptRefused(
            RefusalReason.NOT_A_RECEIPT, f"a receipt has at most {RECEIPT_BYTES_MAX} bytes"
        )
    try:
        envelope = Envelope.model_validate_json(raw)
        payload = base64.b64encode(envelope.payload_bytes()).decode()
    except (ValidationError, ValueError) as fault:
        raise ReceiptRefused(
            RefusalReason.NOT_A_RECEIPT, "the file is no DSSE envelope of a receipt"
        ) from fault
    if envelope.render() != raw or payload != envelope.payload:
        raise ReceiptRefused(
            RefusalReason.NOT_CANONICAL,
            "the file was reformatted or changed; verify it exactly as it was handed out",
        )
    if envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) > SIGNATURES_MAX:
        raise ReceiptRefused(
            RefusalReason.NOT_A_RECEIPT, f"the envelope does not hold a {PAYLOAD_TYPE} statement"
        )
    return envelope


def parse_statement(envelope: Envelope) -> Statement:
    """Read the statement of an envelope; only its canonical spelling is accepted.

    Raises:
        ReceiptRefused: if the payload is no receipt, or is spelt in another way.
    """
    payload = envelope.payload_bytes()
    try:
        statement = Statement.model_validate_json(payload)
        canonical = statement.render()
    except (ValidationError, ValueError) as fault:
        raise ReceiptRefused(
            RefusalReason.NOT_A_RECEIPT, "the envelope holds no statement of this version"
        ) from fault
    if statement.predicate_type != PREDICATE_TYPE:
        raise ReceiptRefused(RefusalReason.NOT_A_RECEIPT, f"the statement is no {PREDICATE_TYPE}")
    if canonical != payload:
        raise ReceiptRefused(
            RefusalReason.NOT_CANONICAL, "the statement is not in its canonical form"
        )
    return statement


def check_claims(predicate: ReceiptPredicate) -> tuple[str, ...]:
    """Return every contradiction between a receipt's outcome and its own counts; none is right.

    A receipt that claims Complete has no exception, saw every needle before and none after, left
    no row and deleted everything that was due.
    """
    found = [fault for count in _counts(predicate) for fault in _check_count(*count)]
    found += [
        f"class {row.data_class}: more records went or were held than were due"
        for row in predicate.classes
        if row.deleted + row.held > row.due
    ]
    found += [
        f"store {store.store}: more rows went than were due"
        for store in predicate.stores
        if store.rows_deleted > store.rows_due
    ]
    if not _check_anchor(predicate):
        found.append("the audit anchor does not follow from the claim")
    if predicate.outcome is Outcome.COMPLETE:
        found.extend(find_gaps(predicate))
    return tuple(found)


def find_gaps(predicate: ReceiptPredicate) -> tuple[str, ...]:
    """Return everything that keeps a run from being Complete, as sentences."""
    gaps = [f"an exception is stated: {item.reason}" for item in predicate.exceptions]
    gaps += [
        f"class {row.data_class}: {row.due} records were due, {row.deleted} went"
        for row in predicate.classes
        if row.deleted != row.due
    ]
    gaps += [gap for store in predicate.stores for gap in _store_gaps(store)]
    gaps += [
        f"place {scan.place}: {scan.hits_after} hits after deletion"
        for scan in predicate.places
        if scan.hits_after
    ]
    if not predicate.places and any(store.needles for store in predicate.stores):
        gaps.append("no place was searched")
    return tuple(gaps)


def _check_anchor(predicate: ReceiptPredicate) -> bool:
    anchor = predicate.audit
    if anchor is None:
        return True
    leaf = hashlib.sha256(b"\x00" + predicate.render_claim()).digest()
    head = hashlib.sha256(b"\x01" + bytes.fromhex(anchor.previous_head) + leaf)
    return head.hexdigest() == anchor.head


def _store_gaps(store: StoreProof) -> list[str]:
    gaps = []
    if store.rows_left or store.rows_deleted != store.rows_due:
        gaps.append(
            f"store {store.store}: {store.rows_due} rows were due, {store.rows_deleted} went, "
            f"{store.rows_left} are left"
        )
    if store.coverage is Coverage.BYTES and store.rows_due and not store.needles:
        gaps.append(f"store {store.store}: its bytes were not searched")
    for needle in store.needles:
        if needle.found_after:
            gaps.append(f"store {store.store}: {needle.found_after} of {needle.kind} found after")
        if needle.found_before != needle.searched:
            gaps.append(
                f"store {store.store}: {needle.found_before} of {needle.searched} "
                f"{needle.kind} seen before"
            )
    return gaps


def _counts(predicate: ReceiptPredicate) -> list[tuple[str, NeedleCount]]:
    return [(store.store, needle) for store in predicate.stores for needle in store.needles]


def _check_count(store: str, count: NeedleCount) -> list[str]:
    if count.found_before > count.searched or count.found_after > count.searched:
        return [f"store {store}: more of {count.kind} found than searched"]
    return []


def _check_signatures(
    envelope: Envelope, keys: Mapping[str, bytes], check_signature: SignatureCheck
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the key ids of signatures that hold, and of those whose key was not given."""
    message = envelope.signed_bytes()
    held: list[str] = []
    unchecked: list[str] = []
    for signature in envelope.signatures:
        key = keys.get(signature.keyid)
        if key is None:
            unchecked.append(signature.keyid)
        elif check_signature(key, _decode_signature(signature), message):
            held.append(signature.keyid)
        else:
            raise ReceiptRefused(
                RefusalReason.SIGNATURE_BROKEN,
                f"the signature of key {signature.keyid} does not hold: the receipt was changed",
            )
    return tuple(dict.fromkeys(held)), tuple(unchecked)


def _decode_signature(signature: Signature) -> bytes:
    try:
        raw = base64.b64decode(signature.sig, validate=True)
    except ValueError as fault:
        raise ReceiptRefused(
            RefusalReason.SIGNATURE_BROKEN,
            f"the signature of key {signature.keyid} is not base64: the receipt was changed",
        ) from fault
    if base64.b64encode(raw).decode() != signature.sig:
        raise ReceiptRefused(
            RefusalReason.NOT_CANONICAL, "a signature is not in its canonical base64 form"
        )
    return raw


def _decide_verdict(predicate: ReceiptPredicate, *, is_cosigned: bool) -> Verdict:
    if predicate.outcome is Outcome.PARTIAL:
        return Verdict.PARTIAL
    return Verdict.COMPLETE if is_cosigned else Verdict.UNCOSIGNED
