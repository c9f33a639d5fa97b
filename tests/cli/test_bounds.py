"""Bounds of the platform team in files: `validate` and `render` judge by them as the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steward_api.manifest import render_yaml
from steward_cli.errors import InputError
from steward_cli.render import render_directory
from steward_cli.validate import check_path
from steward_kinds.objects import Manifest, build_object


def write(folder: Path, **bounds: Any) -> None:
    """Write an Assistant, what it needs, and a policy."""
    objects: list[Manifest] = [
        build_object("Assistant", "desk"),
        build_object("Model", "m"),
        build_object("Prompt", "p"),
        build_object("RetentionPolicy", "r"),
        build_object("ClusterAssistantPolicy", "platform", **bounds),
    ]
    for each in objects:
        path = folder / f"{each['kind'].lower()}.yaml"
        path.write_text(render_yaml(each), encoding="utf-8")


def test_validate_names_what_goes_beyond(tmp_path: Path) -> None:
    """File, line, field, policy and remedy, before anything is applied."""
    write(tmp_path, models={"allowedHosts": ["*.example.com"]})
    (fault,) = [f for f in check_path(tmp_path).faults if f.file.name == "model.yaml"]
    assert fault.field == "spec.openAI.baseUrl"
    assert "spec.models.allowedHosts of ClusterAssistantPolicy platform" in fault.message
    assert fault.line == 9


def test_validate_accepts_what_is_within(tmp_path: Path) -> None:
    """A policy of other namespaces says nothing here."""
    write(tmp_path, namespaces=["prod-*"], models={"allowedHosts": []})
    assert check_path(tmp_path).faults == ()


def test_render_refuses_what_is_beyond(tmp_path: Path) -> None:
    """A preview in a review shows what the cluster would say."""
    write(tmp_path, requiredDeletionPolicy="Erase")
    with pytest.raises(InputError, match=r"must be Erase .* of ClusterAssistantPolicy platform"):
        render_directory(tmp_path)


def test_render_shows_the_zones_of_a_policy(tmp_path: Path) -> None:
    """An Assistant that names no zone is held to those that are allowed."""
    write(tmp_path, residency={"allowedZones": ["eu-1a"]})
    rendered = render_directory(tmp_path)
    assert rendered.count("topology.kubernetes.io/zone") == 2
    assert rendered.count("- eu-1a") == 2


def test_validate_finds_the_line_of_a_window(tmp_path: Path) -> None:
    """A window is called by its class, and the fault stands at its line."""
    write(tmp_path, retention={"windows": [{"class": "Tasks", "minKeepSeconds": 7_200}]})
    faults = [f for f in check_path(tmp_path).faults if f.file.name == "retentionpolicy.yaml"]
    assert [f.field for f in faults] == ["spec.windows[1].keepSeconds"]
