"""Segments: key classes, labels, budgets."""

from __future__ import annotations

from steward_api.meta import Sensitivity
from steward_memory import SAID_BY_USER, build_segment
from steward_runtime.labels import DataClass, Integrity, check_flows_to
from steward_runtime.memory.segments import (
    build_record_label,
    raise_sensitivity,
    resolve_key_class,
    take_within_budget,
)
from steward_runtime.turn.messages import Recalled


def record(text: str) -> Recalled:
    """Return a record with a text."""
    return Recalled("mem_1", "notes", text, SAID_BY_USER, 0)


def test_domain_and_sensitivity_make_the_key_class() -> None:
    """Records of one domain and sensitivity share a key."""
    assert resolve_key_class(build_segment()) == "memory/support/Confidential"


def test_the_label_of_a_record_is_never_weaker_than_the_value() -> None:
    """About and readable by the subject alone, at least as sensitive as the segment."""
    label = build_record_label(SAID_BY_USER, build_segment(), "subject-1")
    assert check_flows_to(SAID_BY_USER.stored_as(DataClass.MEMORY), label)
    assert label.readers == frozenset({"subject-1"})
    assert label.subjects == frozenset({"subject-1"})
    assert label.sensitivity is Sensitivity.CONFIDENTIAL
    assert label.integrity is Integrity.USER
    assert label.retention is DataClass.MEMORY


def test_a_segment_made_more_sensitive_raises_old_records() -> None:
    """What was written under a weaker segment is recalled under the present one."""
    segment = build_segment(sensitivity=Sensitivity.RESTRICTED)
    assert raise_sensitivity(record("x"), segment).label.sensitivity is Sensitivity.RESTRICTED


def test_the_budget_bounds_records_and_characters() -> None:
    """A record that does not fit is passed over, not cut."""
    segment = build_segment(recall_records=2, recall_characters=10)
    ranked = [record("x" * 11), record("y" * 6), record("z" * 5), record("w" * 4), record("v")]
    taken = [each.text for each in take_within_budget(ranked, segment)]
    assert taken == ["y" * 6, "w" * 4]


def test_a_budget_of_no_characters_takes_nothing() -> None:
    """Zero means none, not unbounded."""
    assert take_within_budget([record("")], build_segment(recall_characters=0)) == ()
