"""JSON logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from steward_runtime.telemetry.logs import JsonFormatter, configure_logs
from steward_runtime.telemetry.names import SpanName
from steward_runtime.telemetry.spans import PlainTracer, SpanKind, SpanStart, working_for

MARKER = "marker-6f1b"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Configure logging into a buffer, and put back what was there."""
    root = logging.getLogger()
    ours = logging.getLogger("steward_runtime")
    kept = (root.handlers[:], root.level, ours.level, logging.raiseExceptions)
    buffer = io.StringIO()
    configure_logs(buffer)
    yield buffer
    root.handlers[:], raising = kept[0], kept[3]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])
    logging.raiseExceptions = raising


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_writes_event_and_known_fields_as_one_json_object(stream: io.StringIO) -> None:
    """Time, level, logger, event and the fields of the list."""
    logging.getLogger("steward_runtime.server").info("Started", extra={"port": 8080})
    (line,) = _lines(stream)
    assert (line["event"], line["port"], line["level"]) == ("Started", 8080, "info")
    assert line["time"].endswith("Z")


def test_drops_fields_that_are_not_in_the_list(stream: io.StringIO) -> None:
    """A field called `message` or `arguments` never reaches the log."""
    logging.getLogger("steward_runtime.x").info("E", extra={"arguments": MARKER, "text": MARKER})
    assert MARKER not in stream.getvalue()
    assert _lines(stream)[0]["event"] == "E"


def test_joins_a_line_to_its_trace_and_task(stream: io.StringIO) -> None:
    """Inside a span and a task the line names both."""
    start = SpanStart(SpanName.CHAT, "m", SpanKind.CLIENT, {})
    with PlainTracer(lambda n: b"\x22" * n).open_span(start), working_for("task_1"):
        logging.getLogger("steward_runtime.x").warning("E")
    (line,) = _lines(stream)
    assert (line["trace_id"], line["span_id"], line["task"]) == ("22" * 16, "22" * 8, "task_1")


def test_names_type_and_place_of_an_exception_but_not_its_text(stream: io.StringIO) -> None:
    """What an exception says may be content; where it was raised is not."""
    try:
        int(MARKER)
    except ValueError:
        logging.getLogger("steward_runtime.x").exception("Broke")
    (line,) = _lines(stream)
    assert line["error_type"] == "ValueError"
    assert line["frames"][0].startswith("test_logs.py:")
    assert MARKER not in stream.getvalue()


def test_writes_no_message_of_other_libraries(stream: io.StringIO) -> None:
    """A library may quote what it worked on, so only its place is written."""
    logging.getLogger("asyncio").error("Task failed: %r", MARKER)
    logging.getLogger("aiohttp.client").error(f"{MARKER}")  # noqa: G004 - a library may do this
    logging.getLogger("aiohttp.client").info("hidden")
    lines = _lines(stream)
    assert [line["event"] for line in lines] == ["Library", "Library"]
    assert MARKER not in stream.getvalue()


def test_survives_a_value_that_json_does_not_know() -> None:
    """An odd value is written as text instead of losing the line."""
    record = logging.LogRecord("steward_runtime", logging.INFO, "f", 1, "E", None, None)
    record.count = object
    assert "E" in JsonFormatter().format(record)
