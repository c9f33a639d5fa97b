"""Manifests: one stable file per kind."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from steward_api import manifest
from steward_api.meta import Kind, Scope
from steward_api.v1alpha1 import KINDS, Assistant

MANIFESTS = Path(__file__).parents[2] / "crds" / "manifests"


def test_committed_manifests_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """What is committed is what the models say now."""
    assert manifest.run([str(MANIFESTS), "--check"]) == 0, capsys.readouterr().err


def test_writes_one_file_per_kind_and_removes_old_ones(tmp_path: Path) -> None:
    """After a kind is renamed, its former manifest goes."""
    (tmp_path / "old.yaml").write_text("x: 1\n", encoding="utf-8")
    assert manifest.run([str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(manifest.render_manifests())


def test_names_the_files_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` writes nothing and says which command mends it."""
    manifest.run([str(tmp_path)])
    changed = next(tmp_path.iterdir())
    changed.write_text("x: 1\n", encoding="utf-8")
    assert manifest.run([str(tmp_path), "--check"]) == 1
    assert f"{changed} is out of date: run `make crds`" in capsys.readouterr().err
    assert changed.read_text(encoding="utf-8") == "x: 1\n"


def test_renders_the_same_text_every_time() -> None:
    """Two runs give the same bytes."""
    assert manifest.render_manifests() == manifest.render_manifests()


@pytest.mark.parametrize("text", manifest.render_manifests().values())
def test_writes_no_anchors(text: str) -> None:
    """Shared parts are written out, so a reviewer reads each in place."""
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    assert not [event for event in events if getattr(event, "anchor", None)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_declares_status_columns_and_category(kind: type[Kind]) -> None:
    """Status is a subresource, and `kubectl get steward` finds the kind."""
    spec = manifest.build_manifest(kind)["spec"]
    version = spec["versions"][0]
    assert version["subresources"] == {"status": {}}
    assert next(column["name"] for column in version["additionalPrinterColumns"])
    assert spec["names"]["categories"] == ["steward"]
    assert spec["scope"] == kind.NAMES.scope.value


def test_only_bounds_live_outside_namespaces() -> None:
    """What teams write lives in their namespaces; what binds them does not."""
    found = [kind.NAMES.kind for kind in KINDS if kind.NAMES.scope is Scope.CLUSTER]
    assert found == ["ClusterAssistantPolicy"]


def test_gives_short_names_only_where_there_are_some() -> None:
    """`kubectl get asst` works, and no kind has an empty list."""
    by_kind = {kind: manifest.build_manifest(kind)["spec"]["names"] for kind in KINDS}
    assert by_kind[Assistant]["shortNames"] == ["asst"]
    assert all(names.get("shortNames", ["x"]) for names in by_kind.values())
