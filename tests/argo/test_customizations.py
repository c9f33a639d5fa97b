"""The files that a user gives to Argo CD hold the tested script, once per kind."""

from __future__ import annotations

import yaml

from steward_api.v1alpha1 import KINDS
from steward_argo.customizations import CONFIG_MAP, VALUES, build_keys, render_files
from steward_argo.health import FOLDER, SCRIPT


def test_the_files_are_as_the_script_and_the_kinds_say() -> None:
    """When this fails: `make chart`."""
    for path, text in render_files().items():
        assert path.read_text(encoding="utf-8") == text


def test_every_kind_has_the_script_in_both_files() -> None:
    """What Argo CD reads is what the tests ran, to the byte."""
    script = SCRIPT.read_text(encoding="utf-8")
    config_map = yaml.safe_load((FOLDER / CONFIG_MAP).read_text(encoding="utf-8"))
    values = yaml.safe_load((FOLDER / VALUES).read_text(encoding="utf-8"))
    assert config_map["data"] == dict.fromkeys(build_keys(), script)
    assert values["configs"]["cm"] == config_map["data"]
    assert len(config_map["data"]) == len(KINDS)
