"""Logs and metrics of the operator: JSON lines and counters, never content of an object.

The lines are written by hand: structlog, which the runtime uses, imports rich where it is
installed, and that alone is 6 MB of an operator that should fit into 80.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
"""Ours alone, so that two operators in one test process don't share counters."""

PASSES: Final = Counter(
    "steward_operator_passes",
    "Passes over one object, by kind and result.",
    ("kind", "result"),
    registry=REGISTRY,
)
WRITES: Final = Counter(
    "steward_operator_child_writes",
    "Requests that changed a child, an anchor or a Secret.",
    registry=REGISTRY,
)
FAULTS: Final = Counter(
    "steward_operator_faults",
    "Faults of the API server, by reason.",
    ("reason",),
    registry=REGISTRY,
)
PASS_SECONDS: Final = Histogram(
    "steward_operator_pass_seconds",
    "Seconds that one pass took, waits for the API server included.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    registry=REGISTRY,
)
QUEUE_DEPTH: Final = Gauge(
    "steward_operator_queue_depth",
    "Objects that wait for a worker.",
    registry=REGISTRY,
)
OBJECTS: Final = Gauge(
    "steward_operator_objects",
    "Objects of our kinds in the cache.",
    registry=REGISTRY,
)

_LOGGER: Final = logging.getLogger("steward_operator")
_FRAMES_MAX: Final = 12


class Log:
    """Writes one JSON line per event; fields name objects and reasons, never contents."""

    def debug(self, event: str, **fields: Any) -> None:
        """Tell what only a developer wants to know."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Tell what happened."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Tell what may need somebody."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Tell what does need somebody."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if _LOGGER.isEnabledFor(level):
            _LOGGER.log(level, event, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """Renders our own records and those of libraries as one JSON object per line.

    Of an exception only its type and the places it passed are shown: its text may hold anything.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.name != _LOGGER.name:
            line["logger"] = record.name
        fields = dict(getattr(record, "fields", {}))
        error = fields.pop("exc_info", None) or (record.exc_info or (None, None))[1]
        line.update(fields)
        if isinstance(error, BaseException):
            line["error"] = type(error).__name__
            line["places"] = render_places(error)
        return json.dumps(line, default=str)


def render_places(error: BaseException) -> list[str]:
    """Return where an exception passed, innermost last, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def configure_logs(level: str) -> None:
    """Send our lines from `level` up, and warnings of libraries, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(level.upper())


def log() -> Log:
    """Return the operator's log."""
    return _LOG


_LOG: Final = Log()
