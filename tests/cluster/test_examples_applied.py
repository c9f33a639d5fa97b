"""Every example goes into a cluster by one `kubectl apply --server-side -k`."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_chart.rendering import NAMESPACE
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import parse_documents

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_applied_whole(control_plane: ControlPlane, example: Path) -> None:
    """Each numbered file of the folder is applied, and the API server refuses none of it."""
    control_plane.apply_crds(ROOT / "crds" / "manifests")
    applied = control_plane.kubectl("apply", "--server-side", "-k", str(example)).splitlines()
    documents = "\n".join(path.read_text() for path in sorted(example.glob("0*.yaml")))
    assert len(applied) == documents.count("\nkind: ")
    assert all(line.endswith("serverside-applied") for line in applied)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_has_an_overlay_for_clusters(
    control_plane: ControlPlane, example: Path
) -> None:
    """It is applied whole, and none of its models is one that only a laptop has."""
    control_plane.apply_crds(ROOT / "crds" / "manifests")
    overlay = example.parent / "cluster" / example.name
    control_plane.kubectl("apply", "--server-side", "-k", str(overlay))
    rendered = parse_documents(control_plane.kubectl("kustomize", str(overlay)))
    models = [each for each in rendered if each["kind"] == "Model"]
    assert models
    for model in models:
        url = f"http://steward-demo-model.{NAMESPACE}.svc:8080/v1"
        assert model["spec"]["openAI"] == {"baseUrl": url}
