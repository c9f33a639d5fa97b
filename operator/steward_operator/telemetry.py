"""Logs and metrics of the operator: JSON lines and counters, never content of an object."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog
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


def configure_logs(level: str) -> None:
    """Send our log lines, and those of the libraries, to standard error as JSON."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def log() -> Any:
    """Return the operator's logger."""
    return structlog.get_logger("steward_operator")
