"""What the archive takes: a receipt of the right assistant that follows the last one (pure).

An Assistant that takes up a retained volume goes on with the chain of its predecessor, which had
the same name and signing key and another uid. The predecessor's receipts come first, so that none
is missing; after the first of its own nothing of another uid is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from steward_api.receipt import Envelope, ReceiptPredicate, key_id_of
from steward_api.verification import (
    SignatureCheck,
    parse_envelope,
    parse_statement,
    verify_receipt,
)
from steward_operator.archive.errors import ChainBroken, ReceiptForeign


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose receipts are pulled.

    Attributes:
        namespace: namespace of the Assistant.
        assistant: its name.
        uid: its uid.
        public_key: raw public key that the runtime signs with, as pinned.
        older_keys: raw public keys that it signed with before.
    """

    namespace: str
    assistant: str
    uid: str
    public_key: bytes
    older_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The last receipt of a chain: its place, counted from 0, and its digest."""

    log_size: int
    digest: str
    is_inherited: bool = field(default=False, kw_only=True)
    """True for a receipt of a predecessor."""


def check_receipt(
    raw: bytes,
    issuer: Issuer,
    operator_keys: tuple[bytes, ...],
    head: Head | None,
    check_signature: SignatureCheck,
) -> Envelope:
    """Return the runtime's envelope of a receipt that may be co-signed.

    Args:
        raw: the file as the runtime hands it out, with or without a co-signature of ours.
        issuer: whose receipt it must be.
        operator_keys: raw public keys of the archive's own signatures, older ones included.
        head: the last receipt on the shelf.
        check_signature: checks one Ed25519 signature.

    Raises:
        ReceiptRefused: if the file is no receipt, was changed, or contradicts itself.
        ReceiptForeign: if it is about another assistant.
        ChainBroken: if a receipt is missing before it.
    """
    verification = verify_receipt(raw, select_keys(raw, issuer, operator_keys), check_signature)
    predicate = verification.statement.predicate
    _check_issuer(predicate, issuer, head)
    _check_order(predicate, verification.digest, head)
    envelope = parse_envelope(raw)
    ours = tuple(s for s in envelope.signatures if s.keyid == predicate.runtime_key_id)
    return envelope.model_copy(update={"signatures": ours[:1]})


def select_keys(raw: bytes, issuer: Issuer, operator_keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the keys that count for a receipt: the one runtime key that it names, and ours.

    Two keys of one runtime must never count as two signers.

    Raises:
        ReceiptRefused: if the file is no receipt.
    """
    named = parse_statement(parse_envelope(raw)).predicate.runtime_key_id
    known = {key_id_of(key): key for key in (issuer.public_key, *issuer.older_keys)}
    return (known.get(named, issuer.public_key), *operator_keys)


def _check_issuer(predicate: ReceiptPredicate, issuer: Issuer, head: Head | None) -> None:
    is_named = (predicate.namespace, predicate.assistant) == (issuer.namespace, issuer.assistant)
    may_be_inherited = head is None or head.is_inherited
    if not is_named or (predicate.assistant_uid != issuer.uid and not may_be_inherited):
        raise ReceiptForeign(
            f"the runtime of {issuer.namespace}/{issuer.assistant} handed out a receipt of "
            f"{predicate.namespace}/{predicate.assistant} (uid {predicate.assistant_uid}): check "
            "which volume is mounted"
        )


def _check_order(predicate: ReceiptPredicate, digest: str, head: Head | None) -> None:
    expected = (0, None) if head is None else (head.log_size + 1, head.digest)
    if (predicate.log_size, predicate.previous_digest) != expected:
        raise ChainBroken(
            f"receipt {digest} is number {predicate.log_size} and does not follow number "
            f"{expected[0] - 1} on the shelf: a receipt is missing or the volume was restored"
        )
