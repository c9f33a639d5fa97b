"""`steward init`: a folder that validates, and nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steward_api.meta import OBJECT_NAME_LENGTH_MAX
from steward_cli.errors import ExitCode, InputError
from steward_cli.init import TEMPLATES, init
from steward_cli.output import OutputFormat
from steward_cli.validate import check_path


@pytest.mark.parametrize("name", ["a", "help-desk", "x" * OBJECT_NAME_LENGTH_MAX])
def test_writes_a_folder_that_validates(tmp_path: Path, name: str) -> None:
    """What is written needs no editing to be valid."""
    assert init(name, tmp_path / "new", OutputFormat.TEXT) is ExitCode.OK
    verdict = check_path(tmp_path / "new")
    assert (verdict.objects, verdict.faults) == (len(TEMPLATES), ())


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a.b", "a-", "x" * 41, "a\n", "../a"])
def test_refuses_a_name_that_no_assistant_may_have(tmp_path: Path, name: str) -> None:
    """The rules of `metadata.name` hold before a file is written."""
    with pytest.raises(InputError, match="is no name for an Assistant"):
        init(name, tmp_path / "new", OutputFormat.TEXT)
    assert not (tmp_path / "new").exists()


def test_overwrites_nothing(tmp_path: Path) -> None:
    """A folder that holds something is left alone."""
    kept = tmp_path / "kept.txt"
    kept.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is in use"):
        init("a", tmp_path, OutputFormat.TEXT)
    with pytest.raises(InputError, match="is in use"):
        init("a", kept, OutputFormat.TEXT)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer ends with the command that checks the folder."""
    init("a", tmp_path, OutputFormat.TEXT)
    assert f"steward validate {tmp_path}" in capsys.readouterr().out


def test_answers_programs_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o json` lists the files."""
    init("a", tmp_path, OutputFormat.JSON)
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"folder": str(tmp_path), "files": list(TEMPLATES)}
