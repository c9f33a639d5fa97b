"""Building: nothing is built while the inputs are the same, and sizes are told."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from steward_release.building import (
    Built,
    Plan,
    archive_path,
    digest_inputs,
    find_built,
    render_table,
)
from steward_release.errors import ToolMissing
from steward_release.lab_python import Bases
from steward_release.programs import resolve_program
from steward_release.sources import IMAGES

IMAGE = IMAGES[0]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan for an empty folder."""
    return Plan(Bases("base:1", "base:1"), tmp_path, None, "1.2.3")


@pytest.fixture
def built(plan: Plan) -> Built:
    """The record of an archive that lies in the folder."""
    built = Built(digest_inputs(IMAGE, plan), "x:1", "sha256:0", "base:1", "sha256:1", 1, 2, 3, 4)
    archive_path(plan.into, IMAGE).write_bytes(b"")
    record = archive_path(plan.into, IMAGE).with_suffix(".json")
    record.write_text(json.dumps(asdict(built)), encoding="utf-8")
    return built


def test_equal_inputs_are_not_built_again(plan: Plan, built: Built) -> None:
    """The archive that is there will do."""
    assert find_built(IMAGE, plan) == built


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.2.4"},
        {"bases": Bases("base:2", "base:1")},
        {"bases": Bases("base:1", "base:2")},
    ],
    ids=["version", "base", "build base"],
)
def test_another_base_or_version_is_another_image(
    plan: Plan, built: Built, change: dict[str, Any]
) -> None:
    """What is not in a file of the checkout counts too."""
    assert find_built(IMAGE, replace(plan, **change)) is None


@pytest.mark.parametrize("suffix", [".tar", ".json"])
def test_half_a_result_is_built_again(plan: Plan, built: Built, suffix: str) -> None:
    """Archive and record belong together."""
    archive_path(plan.into, IMAGE).with_suffix(suffix).unlink()
    assert find_built(IMAGE, plan) is None


def test_a_broken_record_is_built_again(plan: Plan, built: Built) -> None:
    """A record of an older form does not stop a build."""
    archive_path(plan.into, IMAGE).with_suffix(".json").write_text("{}", encoding="utf-8")
    assert find_built(IMAGE, plan) is None


def test_the_table_has_a_line_per_image(built: Built) -> None:
    """Name, base, size above it in both forms, and time."""
    lines = render_table((built, built)).splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["x:1", "1", "2", "3", "4", "s"]


def test_a_missing_program_comes_with_advice() -> None:
    """The text names what to install."""
    with pytest.raises(ToolMissing, match=r"no-such-program is not installed: get it"):
        resolve_program("no-such-program", "get it")
