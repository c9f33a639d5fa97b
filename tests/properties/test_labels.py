"""Laws of labels: the join is a semilattice; what is derived is never freer than its sources."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from steward_core.strategies import LABELS, NAMES
from steward_runtime.labels import (
    BOTTOM,
    DataClass,
    Integrity,
    Label,
    Sensitivity,
    check_flows_to,
    digest_label,
    join,
    parse_label,
    render_label,
)


@given(LABELS, LABELS)
def test_join_is_commutative(left: Label, right: Label) -> None:
    """The order of two values does not matter."""
    assert join(left, right) == join(right, left)


@given(LABELS, LABELS, LABELS)
def test_join_is_associative(first: Label, second: Label, third: Label) -> None:
    """Grouping does not matter."""
    assert join(join(first, second), third) == join(first, join(second, third))
    assert join(first, second, third) == join(first, join(second, third))


@given(LABELS)
def test_join_is_idempotent_and_bottom_is_neutral(label: Label) -> None:
    """A value joined with itself or with nothing keeps its label."""
    assert join(label, label) == label == join(label, BOTTOM) == join(label)
    assert join() == BOTTOM


@given(LABELS, LABELS)
def test_what_is_derived_restricts_as_much_as_its_sources(left: Label, right: Label) -> None:
    """The join is an upper bound of both in every dimension."""
    derived = join(left, right)
    for source in (left, right):
        assert check_flows_to(source, derived)
        assert derived.integrity <= source.integrity
        ranks = list(Sensitivity)
        assert ranks.index(derived.sensitivity) >= ranks.index(source.sensitivity)
        assert derived.subjects >= source.subjects
        assert derived.origin >= source.origin


@given(LABELS, LABELS, NAMES)
def test_nobody_reads_a_derived_value_who_may_not_read_its_sources(
    left: Label, right: Label, reader: str
) -> None:
    """Readers of the join are the common readers."""
    allowed = left.may_be_read_by(reader) and right.may_be_read_by(reader)
    assert join(left, right).may_be_read_by(reader) == allowed


@given(LABELS, LABELS, LABELS)
def test_join_is_monotone(low: Label, more: Label, other: Label) -> None:
    """A more restricted source gives a result that is at least as restricted."""
    high = join(low, more)
    assert check_flows_to(join(low, other), join(high, other))


@given(LABELS)
def test_the_canonical_form_reads_back(label: Label) -> None:
    """Rendering loses nothing, and equal labels have equal bytes."""
    again = parse_label(orjson.loads(render_label(label)))
    assert again == label
    assert render_label(again) == render_label(label)


@given(LABELS, LABELS)
def test_digests_are_equal_exactly_for_equal_labels(left: Label, right: Label) -> None:
    """A digest stands for one label."""
    assert (digest_label(left) == digest_label(right)) == (left == right)


@given(LABELS, st.sampled_from(Integrity), st.sampled_from(DataClass))
def test_relabelling_never_raises_integrity(
    label: Label, cap: Integrity, retention: DataClass
) -> None:
    """A cap lowers or keeps; storing changes the class of data alone."""
    assert label.capped_at(cap).integrity == min(label.integrity, cap)
    stored = label.stored_as(retention)
    assert stored.retention is retention
    assert stored.integrity is label.integrity
