"""render: the children of a folder, the same each time, without any secret content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from steward_cli.errors import InputError
from steward_cli.main import app
from steward_cli.render import render_directory, run_render

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "01-helpdesk"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the first example."""
    shutil.copytree(EXAMPLE, tmp_path / "example")
    return tmp_path / "example"


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Replace text in one file of the example."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_yaml_and_json_say_the_same() -> None:
    """Two forms of one list, both parsed by what reads them."""
    from_yaml = list(yaml.safe_load_all(render_directory(EXAMPLE, "yaml")))
    from_json = json.loads(render_directory(EXAMPLE, "json"))
    assert from_json["kind"] == "List"
    assert from_json["items"] == from_yaml


def test_rendering_twice_gives_the_same_bytes() -> None:
    """No clock, no randomness, no order of a file system."""
    assert render_directory(EXAMPLE) == render_directory(EXAMPLE)


def test_the_order_of_files_does_not_matter(folder: Path) -> None:
    """Renamed files are the same declarations."""
    before = render_directory(folder)
    (folder / "06-assistant.yaml").rename(folder / "00-assistant.yaml")
    assert render_directory(folder) == before


def test_secrets_are_rendered_as_names_of_keys_only() -> None:
    """The content is made in the cluster, and never here."""
    secrets = [
        manifest
        for manifest in yaml.safe_load_all(render_directory(EXAMPLE))
        if manifest["kind"] == "Secret"
    ]
    assert len(secrets) == 4
    for secret in secrets:
        assert not {"data", "stringData"} & set(secret)
        assert any("generated-keys" in name for name in secret["metadata"]["annotations"])


def test_a_wrong_field_is_reported_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line per fault, nothing on standard output."""
    edit(folder, "06-assistant.yaml", "  owner:", "  ownr:")
    assert run_render(folder, "yaml") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "06-assistant.yaml:8: spec.ownr" in shown.err


def test_an_assistant_that_is_not_accepted_is_refused(folder: Path) -> None:
    """Rendering nothing in silence would look like a deletion in a review."""
    (folder / "05-retention-policy.yaml").unlink()
    with pytest.raises(InputError, match="RetentionPolicy helpdesk does not exist"):
        render_directory(folder)


def test_a_tool_that_is_left_out_is_remarked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is rendered, and standard error says what is missing."""
    edit(folder, "06-assistant.yaml", "- name: add-comment", "- name: add-remark")
    assert run_render(folder, "yaml") == 0
    shown = capsys.readouterr()
    assert "kind: Deployment" in shown.out
    assert "Tool add-remark does not exist" in shown.err


@pytest.mark.parametrize("name", ["nowhere", "service"])
def test_a_folder_without_manifests_is_refused(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong path is told, with exit code 2."""
    assert run_render(folder / name, "yaml") == 2
    assert capsys.readouterr().err


def test_a_folder_without_assistant_is_refused(folder: Path) -> None:
    """There is nothing to render, which is no success."""
    (folder / "06-assistant.yaml").unlink()
    with pytest.raises(InputError, match="no Assistant"):
        render_directory(folder)


def test_an_unknown_output_is_refused() -> None:
    """The message names those that are known."""
    with pytest.raises(InputError, match="json or yaml"):
        render_directory(EXAMPLE, "toml")


def test_the_command_prints_what_the_function_returns() -> None:
    """`steward render FOLDER -o json` is the same text."""
    result = CliRunner().invoke(app, ["render", str(EXAMPLE), "-o", "json"])
    assert result.exit_code == 0
    assert result.stdout == render_directory(EXAMPLE, "json")
