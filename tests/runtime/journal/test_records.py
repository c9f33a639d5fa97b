"""The codec of records: versions, faults, and histories that released versions wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from steward_core.histories import LOOKUP, begin, requested
from steward_runtime.errors import JournalBroken
from steward_runtime.journal.records import (
    RECORD_VERSION,
    RecordType,
    decode_event,
    encode_event,
    record_type,
)
from steward_runtime.turn import events
from steward_runtime.turn.apply import fold
from steward_runtime.turn.state import TaskStatus, read_outcome

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.jsonl"))


def test_every_event_has_a_record_type_and_the_reverse() -> None:
    """The enum is complete: kill tests walk it."""
    kinds = get_args(events.Event)
    assert {record_type(kind.__new__(kind)) for kind in kinds} == set(RecordType)


def test_a_newer_version_is_refused_with_advice() -> None:
    """A downgrade must not misread what a newer runtime wrote."""
    payload = orjson.dumps({"v": RECORD_VERSION + 1, "labels": [], "number": 1})
    with pytest.raises(JournalBroken, match="start the newer version"):
        decode_event("ModelCalled", payload)


@pytest.mark.parametrize(
    ("type_name", "document"),
    [
        ("ModelCalled", {"v": 1, "labels": []}),
        ("Invented", {"v": 1, "labels": []}),
        ("ToolAnswered", {"v": 1, "labels": [], "step": "1.0", "text": [0, "marker-77"]}),
        ("ModelCalled", {"labels": []}),
        ("ModelCalled", []),
    ],
)
def test_a_misshapen_record_is_an_error_without_content(type_name: str, document: Any) -> None:
    """The type is named, the content is not."""
    with pytest.raises(JournalBroken) as caught:
        decode_event(type_name, orjson.dumps(document))
    assert "marker-77" not in str(caught.value)


def test_a_payload_is_stable_text() -> None:
    """What is sealed today reads the same tomorrow."""
    record = encode_event(events.ToolIntended("1.0", "lookup", "k"))
    assert record.payload == b'{"v":1,"labels":[],"step":"1.0","tool":"lookup","key":"k"}'


def test_every_value_of_a_request_has_a_label() -> None:
    """Content stands beside the number of its label, never bare."""
    document = orjson.loads(encode_event(requested("marker-77")).payload)
    (message,) = document["messages"]
    index, text = message["text"]
    assert text == "marker-77"
    assert document["labels"][index]["subjects"] == ["pseudonym-of-alice"]


def test_there_are_histories_of_every_record_type() -> None:
    """The replay corpus covers the enum."""
    seen = {record["type"] for path in HISTORIES for record in _read(path)}
    assert seen == {each.value for each in RecordType}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_histories_of_released_versions_still_fold(path: Path) -> None:
    """Each ends as the name of its file says."""
    decoded = [decode_event(each["type"], orjson.dumps(each["payload"])) for each in _read(path)]
    outcome = read_outcome(fold(begin(LOOKUP, has_memory=True), decoded))
    expected = TaskStatus.FAILED if "failed" in path.stem else TaskStatus.REPLIED
    assert outcome.status is expected


def _read(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
