"""Laws of receipts: every changed byte is refused, and counts decide the outcome."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward_api.receipt import NeedleKind, Outcome, Trigger
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.verification import (
    ReceiptRefused,
    check_claims,
    find_gaps,
    parse_envelope,
    parse_statement,
    verify_receipt,
)
from steward_operator.archive.keys import check_ed25519
from steward_receipts import OPERATOR, RUNTIME, anchor, build_claim, build_receipt, raw_public
from steward_runtime.retention.needles import KEYRING_STORE, Needle
from steward_runtime.retention.plan import ClassPlan
from steward_runtime.retention.proof import Identity, RunFacts, StoreCount, build_predicate
from steward_runtime.retention.state import Item, RunState, Search
from steward_runtime.retention.windows import Hold, Windows

BOTH = (raw_public(RUNTIME), raw_public(OPERATOR))
CLAIM = build_claim()
RECEIPT = build_receipt(claim=CLAIM.model_copy(update={"audit": anchor(CLAIM)}))


@settings(max_examples=400)
@given(st.integers(0, len(RECEIPT) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place: int, mask: int) -> None:
    """Wherever it lies: payload, signatures, key ids, names, punctuation."""
    changed = bytearray(RECEIPT)
    changed[place] ^= mask
    with pytest.raises(ReceiptRefused):
        verify_receipt(bytes(changed), BOTH, check_ed25519)


@given(st.integers(0, len(RECEIPT)), st.binary(min_size=1, max_size=3))
def test_any_inserted_byte_is_refused(place: int, added: bytes) -> None:
    """Nor can anything be added."""
    with pytest.raises(ReceiptRefused):
        verify_receipt(RECEIPT[:place] + added + RECEIPT[place:], BOTH, check_ed25519)


@given(st.integers(0, len(RECEIPT) - 1), st.integers(1, 40))
def test_any_removed_byte_is_refused(place: int, count: int) -> None:
    """Nor taken away."""
    with pytest.raises(ReceiptRefused):
        verify_receipt(RECEIPT[:place] + RECEIPT[place + count :], BOTH, check_ed25519)


@given(st.binary(max_size=300))
def test_garbage_is_refused_with_a_reason(raw: bytes) -> None:
    """Never with any other error."""
    with pytest.raises(ReceiptRefused):
        verify_receipt(raw, BOTH, check_ed25519)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_json_that_is_no_receipt_is_refused(document: Any) -> None:
    """Nor with valid JSON of another shape."""
    from steward_api.canonical import render_canonical  # only this law needs it

    with pytest.raises(ReceiptRefused):
        verify_receipt(render_canonical(document), BOTH, check_ed25519)


def test_a_statement_survives_its_encoding() -> None:
    """What is read is what was signed."""
    statement = parse_statement(parse_envelope(RECEIPT))
    assert statement.predicate.model_copy(update={"audit": None}) == CLAIM


counts = st.integers(0, 4)


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunState, RunFacts, Windows]:
    """Draw the end of a run, consistent or not, as a store with faults would leave it."""
    rows = draw(st.lists(counts, min_size=1, max_size=3))
    items = tuple(
        Item(DataClass.MEMORY, "memory", str(number), count) for number, count in enumerate(rows)
    )
    keys = draw(counts)
    needles = tuple(
        Needle("memory", item.record_id, kind, (bytes(12),))
        for item in items
        for kind in (NeedleKind.LOCATOR, NeedleKind.NONCE)
    ) + tuple(
        Needle(KEYRING_STORE, str(number), NeedleKind.WRAPPED_KEY, (bytes(48),))
        for number in range(keys)
    )
    everything = frozenset(range(len(needles)))
    seen = everything - draw(st.frozensets(st.integers(0, 8), max_size=2))
    left = draw(st.frozensets(st.integers(0, 8), max_size=1)) & everything
    places = (("Database", 1),)
    holds = tuple(Hold("h", DataClass.MEMORY) for _ in range(draw(st.integers(0, 1))))
    state = RunState(
        now_ms=5_000,
        classes=(
            ClassPlan(
                DataClass.MEMORY,
                60,
                0,
                len(items) + draw(st.integers(0, 1)),
                ("h",) if holds else (),
                draw(st.integers(0, 1)),
            ),
        ),
        items=items,
        keys=tuple(str(number) for number in range(keys)),
        needles=needles,
        before=Search(seen, places, places, (("Database", len(seen)),)),
        after=Search(left, places, places, (("Database", len(left)),), draw(st.integers(0, 1))),
        rows_left=(("memory", draw(st.integers(0, 1))),),
        keys_destroyed=draw(st.integers(max(keys - 1, 0), keys)),
    )
    total = sum(rows)
    facts = RunFacts(
        run_id="purge_1",
        trigger=Trigger.WINDOW,
        started_at_ms=1_000,
        finished_at_ms=2_000,
        deleted={"memory": StoreCount(len(items), draw(st.integers(max(total - 1, 0), total)))},
        stores=(("memory", DataClass.MEMORY),),
        log_size=0,
        previous_digest=None,
    )
    return state, facts, Windows("p", "d", {DataClass.MEMORY: 60}, holds)


IDENTITY = Identity("ns", "a", "uid", "d", "k", "s")


@settings(max_examples=300)
@given(runs())
def test_a_claim_is_complete_exactly_if_it_has_no_gap(
    drawn: tuple[RunState, RunFacts, Windows],
) -> None:
    """The runtime decides by the rules of `steward verify`, so it never signs what is refused."""
    state, facts, windows = drawn
    claim = build_predicate(state, facts, windows, IDENTITY)
    assert (claim.outcome is Outcome.COMPLETE) == (not find_gaps(claim))
    is_whole = (
        state.before is not None
        and state.after is not None
        and state.before.found == frozenset(range(len(state.needles)))
        and not state.after.found
        and not state.after.unreadable
        and state.keys_destroyed == len(state.keys)
        and state.rows_left == (("memory", 0),)
        and facts.deleted["memory"].rows == sum(item.rows for item in state.items)
        and state.classes[0].due == len(state.items)
        and not state.classes[0].postponed
        and not windows.holds
    )
    assert (claim.outcome is Outcome.COMPLETE) == is_whole
    if not state.classes[0].holds:
        assert check_claims(claim) == ()


@given(runs())
def test_every_gap_of_the_scanner_is_an_exception(
    drawn: tuple[RunState, RunFacts, Windows],
) -> None:
    """What the scan found or did not see stands in the exceptions, with its count."""
    state, facts, windows = drawn
    claim = build_predicate(state, facts, windows, IDENTITY)
    assert state.before is not None
    assert state.after is not None
    stated = dict.fromkeys(("BytesFound", "NotSeen"), 0)
    for residue in claim.exceptions:
        if residue.reason in stated:
            stated[residue.reason] += residue.count
    assert stated["BytesFound"] == len(state.after.found)
    assert stated["NotSeen"] == len(state.needles) - len(state.before.found)
