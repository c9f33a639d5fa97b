"""A real `steward-runtime serve` process for tests: files, keys, start, logs, stop.

Test equipment, never shipped.
"""

from steward_serving.documents import (
    LOOKUP_SCHEMA,
    build_blueprint,
    build_memory,
    build_model,
    build_segment,
    build_tool,
)
from steward_serving.files import ConfigFiles, build_operator_token
from steward_serving.journal import read_journal
from steward_serving.process import ServedRuntime, serve

__all__ = [
    "LOOKUP_SCHEMA",
    "ConfigFiles",
    "ServedRuntime",
    "build_blueprint",
    "build_memory",
    "build_model",
    "build_operator_token",
    "build_segment",
    "build_tool",
    "read_journal",
    "serve",
]
