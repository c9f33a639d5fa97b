"""Segments: keys, labels and budgets of one part of memory (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from steward_api.blueprint import BlueprintSegment
from steward_api.v1alpha1.memory_policy import WriteRule
from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.labels import Integrity, Label, join
from steward_runtime.turn.messages import Recalled


def resolve_key_class(segment: BlueprintSegment) -> str:
    """Return the class of the data key: records of one domain and sensitivity share a key."""
    return f"memory/{segment.domain}/{segment.sensitivity}"


def keeps_user_messages(segment: BlueprintSegment) -> bool:
    """Say whether what the user says in a turn is written to the segment."""
    return segment.write is WriteRule.USER_MESSAGES


def build_record_label(label: Label, segment: BlueprintSegment, subject: str) -> Label:
    """Return the label of a record made from a value with `label`.

    Never weaker than the value's: at least the segment's sensitivity, about and readable by the
    subject alone, and governed by the window of Memory.
    """
    floor = Label(
        Integrity.SYSTEM,
        readers=frozenset({subject}),
        sensitivity=segment.sensitivity,
        subjects=frozenset({subject}),
        origin=frozenset({f"memory:{segment.name}"}),
    )
    return join(label, floor).stored_as(DataClass.MEMORY)


def raise_sensitivity(record: Recalled, segment: BlueprintSegment) -> Recalled:
    """Give a record at least the sensitivity that its segment has now."""
    floor = Label(Integrity.SYSTEM, sensitivity=segment.sensitivity)
    label = join(record.label, floor).stored_as(DataClass.MEMORY)
    return record if label == record.label else replace(record, label=label)


def take_within_budget(
    ranked: Iterable[Recalled], segment: BlueprintSegment
) -> tuple[Recalled, ...]:
    """Take records in order while they fit the segment's budget of records and characters.

    A record that is too long for what is left is passed over, never cut: half a sentence may say
    the opposite.
    """
    taken: list[Recalled] = []
    characters = segment.recall_characters
    for record in ranked:
        if len(taken) >= segment.recall_records or characters <= 0:
            break
        if len(record.text) <= characters:
            taken.append(record)
            characters -= len(record.text)
    return tuple(taken)
