"""Verification of receipts: what is shown as what, and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from steward_api.receipt import (
    Envelope,
    NeedleKind,
    Outcome,
    ReceiptPredicate,
    Residue,
    ResidueReason,
)
from steward_api.verification import (
    RECEIPT_BYTES_MAX,
    ReceiptRefused,
    RefusalReason,
    Verdict,
    find_gaps,
    verify_receipt,
)
from steward_operator.archive.keys import check_ed25519
from steward_receipts import (
    OPERATOR,
    RUNTIME,
    STRANGER,
    anchor,
    build_claim,
    build_class,
    build_needle,
    build_place,
    build_receipt,
    build_statement,
    build_store,
    raw_public,
    sign,
)

BOTH = (raw_public(RUNTIME), raw_public(OPERATOR))


def refuse(raw: bytes, *keys: bytes) -> RefusalReason:
    """Return why a file is refused."""
    with pytest.raises(ReceiptRefused) as refusal:
        verify_receipt(raw, keys or BOTH, check_ed25519)
    return refusal.value.reason


def test_both_signatures_make_it_complete() -> None:
    """The verdict names the keys that signed."""
    verification = verify_receipt(build_receipt(), BOTH, check_ed25519)
    assert verification.verdict is Verdict.COMPLETE
    assert verification.cosigned_by is not None
    assert verification.unchecked == ()


def test_without_the_operators_signature_it_is_uncosigned() -> None:
    """The runtime cannot speak for itself."""
    raw = build_receipt(RUNTIME)
    assert verify_receipt(raw, BOTH, check_ed25519).verdict is Verdict.UNCOSIGNED


def test_a_cosignature_that_was_not_checked_does_not_count() -> None:
    """With the runtime's key alone nobody is taken at their word."""
    verification = verify_receipt(build_receipt(), BOTH[:1], check_ed25519)
    assert verification.verdict is Verdict.UNCOSIGNED
    assert len(verification.unchecked) == 1


def test_the_runtime_signing_twice_is_not_a_cosignature() -> None:
    """One key, one voice."""
    raw = build_receipt(RUNTIME, RUNTIME)
    assert verify_receipt(raw, BOTH, check_ed25519).verdict is Verdict.UNCOSIGNED


def test_a_partial_receipt_stays_partial_with_both_signatures() -> None:
    """The co-signature says that it is archived, not that it is better."""
    residue = Residue(reason=ResidueReason.HELD, hold="court-order", count=1)
    claim = build_claim(
        outcome=Outcome.PARTIAL,
        exceptions=(residue,),
        classes=(build_class(held=1, deleted=0),),
    )
    raw = build_receipt(claim=claim)
    assert verify_receipt(raw, BOTH, check_ed25519).verdict is Verdict.PARTIAL


@pytest.mark.parametrize(
    "changes",
    [
        {"exceptions": (Residue(reason=ResidueReason.POSTPONED, count=1),)},
        {"classes": (build_class(due=2),)},
        {"stores": (build_store(rows_left=1),)},
        {"stores": (build_store(rows_deleted=2),)},
        {"stores": (build_store(needles=()),)},
        {"stores": (build_store(needles=(build_needle(found_after=1),)),)},
        {"stores": (build_store(needles=(build_needle(found_before=1),)),)},
        {"places": (build_place(hits_after=1),)},
        {"places": ()},
    ],
)
def test_partial_can_never_be_shown_as_complete(changes: dict[str, Any]) -> None:
    """Both keys together cannot sign away a gap in the counts."""
    assert refuse(build_receipt(claim=build_claim(**changes))) is RefusalReason.CONTRADICTS_ITSELF
    assert find_gaps(build_claim(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": (build_class(deleted=2),)},
        {"stores": (build_store(rows_deleted=4),)},
        {"stores": (build_store(needles=(build_needle(found_after=3),)),)},
    ],
)
def test_impossible_counts_are_refused_even_as_partial(changes: dict[str, Any]) -> None:
    """More cannot go than was due, nor be found than was searched."""
    claim = build_claim(outcome=Outcome.PARTIAL, **changes)
    assert refuse(build_receipt(claim=claim)) is RefusalReason.CONTRADICTS_ITSELF


def test_the_audit_anchor_must_follow_from_the_claim() -> None:
    """A claim cannot borrow another claim's place in the chain."""
    claim = build_claim()
    good = claim.model_copy(update={"audit": anchor(claim)})
    verdict = verify_receipt(build_receipt(claim=good), BOTH, check_ed25519).verdict
    assert verdict is Verdict.COMPLETE
    borrowed = build_claim(run_id="purge_2", audit=anchor(claim))
    assert refuse(build_receipt(claim=borrowed)) is RefusalReason.CONTRADICTS_ITSELF


def test_refuses_a_receipt_of_another_runtime() -> None:
    """The key that the claim names must be among the given ones."""
    stranger = raw_public(STRANGER)
    assert refuse(build_receipt(), stranger) is RefusalReason.UNKNOWN_SIGNER
    assert refuse(build_receipt(), BOTH[1]) is RefusalReason.UNKNOWN_SIGNER


def test_refuses_a_receipt_that_the_runtime_did_not_sign() -> None:
    """The operator cannot issue receipts."""
    assert refuse(build_receipt(OPERATOR)) is RefusalReason.UNKNOWN_SIGNER


def test_refuses_a_strangers_signature_when_the_operators_key_is_given() -> None:
    """Somebody signed who should not have."""
    assert refuse(build_receipt(RUNTIME, STRANGER)) is RefusalReason.UNKNOWN_SIGNER


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"\xff\xfe", b"null", b'{"payload":""}', b"x" * (RECEIPT_BYTES_MAX + 1)],
)
def test_refuses_what_is_no_receipt(raw: bytes) -> None:
    """Whatever the file holds, there is a reason and no trace."""
    assert refuse(raw) is RefusalReason.NOT_A_RECEIPT


def test_refuses_a_reformatted_receipt() -> None:
    """Only the bytes that were handed out are verified."""
    pretty = json.dumps(json.loads(build_receipt()), indent=2).encode()
    assert refuse(pretty) is RefusalReason.NOT_CANONICAL
    assert refuse(build_receipt() + b"\n") is RefusalReason.NOT_CANONICAL


def test_refuses_an_unknown_member() -> None:
    """A statement of a later version is not half understood."""
    document = json.loads(build_statement().render())
    document["predicate"]["more"] = 1
    payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    raw = sign(payload, RUNTIME, OPERATOR).render()
    assert refuse(raw) is RefusalReason.NOT_A_RECEIPT


def test_refuses_another_predicate() -> None:
    """A signed statement about something else is no receipt."""
    statement = build_statement().model_copy(update={"predicate_type": "https://example.com/v1"})
    raw = sign(statement.render(), RUNTIME, OPERATOR).render()
    assert refuse(raw) is RefusalReason.NOT_A_RECEIPT


def test_refuses_base64_with_stray_bits() -> None:
    """Another spelling of the same bytes is a changed file."""
    envelope = Envelope.model_validate_json(build_receipt())
    signature = envelope.signatures[0]
    spelt = signature.sig[:-3] + chr(ord(signature.sig[-3]) + 1) + "=="
    assert base64.b64decode(spelt) == base64.b64decode(signature.sig)
    changed = envelope.model_copy(
        update={
            "signatures": (
                signature.model_copy(update={"sig": spelt}),
                *envelope.signatures[1:],
            )
        }
    )
    assert refuse(changed.render()) is RefusalReason.NOT_CANONICAL


def test_a_claim_without_due_records_is_complete() -> None:
    """Nothing was due, nothing was searched, nothing is wrong."""
    claim = build_claim(
        classes=(build_class(due=0, deleted=0),),
        stores=(build_store(rows_due=0, rows_deleted=0, needles=()),),
        places=(),
        keys_destroyed=0,
    )
    verdict = verify_receipt(build_receipt(claim=claim), BOTH, check_ed25519).verdict
    assert verdict is Verdict.COMPLETE


def test_gaps_are_sentences_that_name_store_and_kind() -> None:
    """An auditor reads what is wrong and where."""
    claim: ReceiptPredicate = build_claim(
        stores=(
            build_store(
                needles=(build_needle(kind=NeedleKind.NONCE, found_after=1, found_before=1),)
            ),
        )
    )
    assert find_gaps(claim) == (
        "store conversations: 1 of Nonce found after",
        "store conversations: 1 of 2 Nonce seen before",
    )
