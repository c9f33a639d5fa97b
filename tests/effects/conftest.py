"""Fixtures of the tests that prove what a field does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_effects import Chain
from steward_model_server import ModelServer
from steward_tool_server import ToolServer


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Scripted servers, and a folder for the runtime's files."""
    with ModelServer() as model, ModelServer() as other, ToolServer() as tools:
        yield Chain(tmp_path, model, other, tools)
