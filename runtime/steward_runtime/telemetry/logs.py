"""JSON logs, one object per line, joined to traces and tasks; never content.

Built on the standard library's `logging`. Code of ours logs a constant event name and passes
fields by `extra`; only the fields of `names.LogField` are written. Of other libraries only logger,
place and exception type are written, because their messages may quote what they worked on (asyncio
prints the repr of an exception, for example).
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from steward_runtime.telemetry.names import LogField
from steward_runtime.telemetry.spans import current_span, current_task

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

OUR_LOGGERS: Final = "steward_runtime"
_FIELDS: Final = tuple(field.value for field in LogField)
FRAMES_MAX: Final = 20
"""Innermost frames of a traceback that are written."""


class JsonFormatter(logging.Formatter):
    """Writes one record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its line feed."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.split(".", 1)[0] == OUR_LOGGERS:
            line["event"] = str(record.msg)
            line.update(_gather_fields(record))
        else:
            line["event"] = "Library"
            line["place"] = f"{record.module}:{record.lineno}"
        _add_identity(line)
        if record.exc_info and record.exc_info[0] is not None:
            line["error_type"] = record.exc_info[0].__name__
            line["frames"] = _render_frames(record.exc_info[2])
        return orjson.dumps(line, default=str).decode()


def configure_logs(stream: TextIO, level: int = logging.INFO) -> None:
    """Send every log of the process to `stream` as JSON; libraries from WARNING up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OUR_LOGGERS).setLevel(level)


def _gather_fields(record: logging.LogRecord) -> dict[str, Any]:
    given = record.__dict__
    return {name: given[name] for name in _FIELDS if given.get(name) is not None}


def _add_identity(line: dict[str, Any]) -> None:
    span = current_span()
    if span is not None:
        line["trace_id"] = span.trace_id
        line["span_id"] = span.span_id
    task = current_task()
    if task is not None:
        line.setdefault(LogField.TASK.value, task)


def _render_frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
