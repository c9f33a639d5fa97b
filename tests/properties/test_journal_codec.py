"""Laws of the journal's codec: nothing is lost, and no value is without a label."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given

from steward_core.strategies import EVENTS
from steward_runtime.journal.records import (
    RECORD_VERSION,
    decode_event,
    decode_labels,
    encode_event,
)
from steward_runtime.labels import join
from steward_runtime.turn.events import Event


@given(EVENTS)
def test_every_event_reads_back(event: Event) -> None:
    """Decoding what was encoded gives the same event."""
    record = encode_event(event)
    assert decode_event(record.type, record.payload) == event


@given(EVENTS)
def test_the_record_carries_the_join_of_its_labels(event: Event) -> None:
    """A row is labelled by everything in it."""
    record = encode_event(event)
    assert record.label == join(*decode_labels(record.type, record.payload))


@given(EVENTS)
def test_unknown_members_are_ignored(event: Event) -> None:
    """A record of a later minor version, with more members, still reads."""
    record = encode_event(event)
    document: dict[str, Any] = {**orjson.loads(record.payload), "later": {"any": [1]}}
    assert decode_event(record.type, orjson.dumps(document)) == event
    assert document["v"] == RECORD_VERSION
