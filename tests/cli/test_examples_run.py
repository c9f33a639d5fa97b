"""Every example does what its `expect.yaml` says, with the real small model on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steward_cli.demo.expectations import gather_expectations
from steward_cli.demo.journey import run_steps
from steward_cli.demo.stage import serve_example
from steward_cli.demo.visit import Visit
from steward_cli.local.layout import StateFolder
from steward_cli.local.planning import gather_assistant

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("[0-9]*"))
SECONDS_MAX = 420
"""A window of 60 s, up to a minute of schedule, and some 30 turns of a small model."""


@pytest.mark.model
@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_holds_what_it_promises(example: Path, tmp_path: Path) -> None:
    """All steps hold; each fault is shown with the transcript."""
    state = StateFolder(tmp_path / gather_assistant(example).name)
    said: list[str] = []
    own = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    with serve_example(example, state, own) as record:
        outcomes = run_steps(Visit(record, state, said.append), gather_expectations(example).steps)
    assert [one.step.name for one in outcomes if one.fault] == [], "".join(said)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_what_it_must_show(example: Path) -> None:
    """Each example has an `expect.yaml` that can be read."""
    assert gather_expectations(example).steps
