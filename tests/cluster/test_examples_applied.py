"""Every example goes into a cluster by one `kubectl apply --server-side -k`."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_lab.control_plane import ControlPlane

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
