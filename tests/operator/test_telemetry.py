"""Log lines are JSON, name things, and hold no text of an exception."""

from __future__ import annotations

import json
import logging

import pytest

from steward_operator.telemetry import JsonFormatter, configure_logs, log


def render(record: logging.LogRecord) -> dict[str, object]:
    """The line of one record, parsed."""
    line: dict[str, object] = json.loads(JsonFormatter().format(record))
    return line


def build_record(event: str, **extra: object) -> logging.LogRecord:
    """A record of the operator's logger."""
    record = logging.LogRecord("steward_operator", logging.ERROR, "", 0, event, None, None)
    record.__dict__.update(extra)
    return record


def test_an_event_is_one_json_object() -> None:
    """Time, level, event and the fields that were given."""
    line = render(build_record("pass_put_off", fields={"kind": "Tool", "name": "a"}))
    assert line["event"] == "pass_put_off"
    assert (line["kind"], line["name"], line["level"]) == ("Tool", "a", "error")
    assert str(line["timestamp"]).endswith("Z")


def test_an_exception_shows_its_type_and_places_and_not_its_text() -> None:
    """The text of an exception may hold what a user wrote."""
    with pytest.raises(ValueError, match="secret") as caught:
        int("a secret number")
    record = build_record("pass_crashed", fields={"exc_info": caught.value})
    text = JsonFormatter().format(record)
    assert "a secret number" not in text
    assert json.loads(text)["error"] == "ValueError"
    assert "test_telemetry.py" in json.loads(text)["places"][-1]


def test_lines_of_libraries_say_whose_they_are() -> None:
    """Only warnings and worse of them are shown."""
    record = logging.LogRecord("kopf", logging.WARNING, "", 0, "slow %s", ("watch",), None)
    assert render(record)["logger"] == "kopf"
    assert render(record)["event"] == "slow watch"


def test_the_level_is_the_one_that_was_asked_for() -> None:
    """Debug lines come only when somebody wants them."""
    root, own = logging.getLogger(), logging.getLogger("steward_operator")
    kept = root.handlers[:], root.level, own.level
    try:
        configure_logs("warning")
        assert not own.isEnabledFor(logging.INFO)
        log().info("not shown")
        assert len(root.handlers) == 1
    finally:
        root.handlers[:] = kept[0]
        root.setLevel(kept[1])
        own.setLevel(kept[2])
