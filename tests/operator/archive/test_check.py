"""What the archive takes, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steward_api.receipt import Outcome
from steward_api.verification import ReceiptRefused
from steward_operator.archive.check import Head, Issuer, check_receipt
from steward_operator.archive.errors import ChainBroken, ReceiptForeign
from steward_operator.archive.keys import check_ed25519
from steward_receipts import OPERATOR, RUNTIME, STRANGER, build_claim, build_receipt, raw_public

ISSUER = Issuer("default", "helpdesk", "uid-1", raw_public(RUNTIME))
OURS = raw_public(OPERATOR)
PREVIOUS = "sha256:" + "5" * 64


def check(raw: bytes, head: Head | None = None, issuer: Issuer = ISSUER) -> int:
    """Check a receipt; return how many signatures the envelope to co-sign has."""
    return len(check_receipt(raw, issuer, (OURS,), head, check_ed25519).signatures)


def test_takes_the_first_receipt_of_a_chain() -> None:
    """With the runtime's signature alone, as it is issued."""
    assert check(build_receipt(RUNTIME)) == 1


def test_takes_back_a_receipt_that_it_had_cosigned() -> None:
    """After the shelf was lost; the co-signature is made anew."""
    assert check(build_receipt(RUNTIME, OPERATOR)) == 1


def test_takes_a_partial_receipt() -> None:
    """Co-signing says that it is archived; Partial stays Partial."""
    assert check(build_receipt(RUNTIME, claim=build_claim(outcome=Outcome.PARTIAL))) == 1


def test_takes_the_receipt_that_follows() -> None:
    """Its number and the digest before it fit the shelf."""
    claim = build_claim(log_size=3, previous_digest=PREVIOUS)
    assert check(build_receipt(RUNTIME, claim=claim), Head(2, PREVIOUS)) == 1


@pytest.mark.parametrize("head", [None, Head(1, PREVIOUS), Head(3, PREVIOUS), Head(2, "other")])
def test_refuses_a_receipt_out_of_order(head: Head | None) -> None:
    """A missing, repeated or foreign predecessor is a broken chain."""
    claim = build_claim(log_size=3, previous_digest=PREVIOUS)
    with pytest.raises(ChainBroken):
        check(build_receipt(RUNTIME, claim=claim), head)


@pytest.mark.parametrize("head", [None, Head(2, PREVIOUS, is_inherited=True)])
def test_takes_the_receipts_of_a_predecessor_first(head: Head | None) -> None:
    """A new Assistant that takes up a retained volume goes on with its chain."""
    place = {} if head is None else {"log_size": 3, "previous_digest": PREVIOUS}
    raw = build_receipt(RUNTIME, claim=build_claim(**place))
    assert check(raw, head, replace(ISSUER, uid="uid-2")) == 1


def test_takes_nothing_of_another_uid_after_its_own() -> None:
    """Once an Assistant has issued a receipt, one of another uid tells of a swapped volume."""
    claim = build_claim(log_size=3, previous_digest=PREVIOUS)
    with pytest.raises(ReceiptForeign):
        check(build_receipt(RUNTIME, claim=claim), Head(2, PREVIOUS), replace(ISSUER, uid="uid-2"))


@pytest.mark.parametrize("member", ["namespace", "assistant"])
def test_refuses_a_receipt_of_another_assistant(member: str) -> None:
    """Whatever part of the identity differs."""
    with pytest.raises(ReceiptForeign):
        check(build_receipt(RUNTIME), issuer=replace(ISSUER, **{member: "other"}))  # type: ignore[arg-type] # a name of the test


def test_refuses_another_runtimes_key() -> None:
    """The pinned key decides."""
    issuer = replace(ISSUER, public_key=raw_public(STRANGER))
    with pytest.raises(ReceiptRefused):
        check(build_receipt(RUNTIME), issuer=issuer)


def test_never_cosigns_a_contradiction() -> None:
    """A runtime that claims more than its counts show gets no second signature."""
    claim = build_claim(places=())
    with pytest.raises(ReceiptRefused, match="no place was searched"):
        check(build_receipt(RUNTIME, claim=claim))
