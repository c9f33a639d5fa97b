"""Goldens: the children of every example, as `steward render` prints them.

`make golden` writes them anew (STEWARD_UPDATE_GOLDEN=1); the difference is then reviewed in Git.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steward_cli.render import render_directory

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_renders_as_recorded(example: Path) -> None:
    """A change of any child shows in a review."""
    golden = ROOT / "tests" / "golden" / "examples" / f"{example.name}.yaml"
    rendered = render_directory(example)
    if os.environ.get("STEWARD_UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(rendered, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == rendered
