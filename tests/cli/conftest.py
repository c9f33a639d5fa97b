"""What tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def examples() -> Path:
    """The folder of examples in this checkout."""
    return Path(__file__).resolve().parents[2] / "examples"
