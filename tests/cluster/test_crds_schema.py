"""The generated CRDs on a real API server: structural, documented, and as strict as offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steward_api.meta import API_VERSION, GROUP, VERSION, Kind
from steward_api.schema import build_schema, walk_leaves
from steward_api.shape import fill_defaults
from steward_api.v1alpha1 import KINDS
from steward_cli.manifests import Document
from steward_cli.validate import check_documents
from steward_kinds.objects import Manifest, build_object
from steward_kinds.shape_cases import SHAPE_CASES
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kube_client import KubeClient

pytestmark = pytest.mark.cluster

MANIFESTS = Path(__file__).parents[2] / "crds" / "manifests"
CRD = "apiextensions.k8s.io/v1/CustomResourceDefinition"


@pytest.fixture(scope="module", autouse=True)
def crds(control_plane: ControlPlane) -> tuple[str, ...]:
    """The committed manifests, applied and served."""
    return control_plane.apply_crds(MANIFESTS)


def create(admin: KubeClient, manifest: Manifest, namespace: str) -> Manifest:
    """Create an object as a dry run, with unknown fields refused, and return it as stored."""
    path = admin.resolve_path(f"{API_VERSION}/{manifest['kind']}", namespace)
    parameters = {"dryRun": "All", "fieldValidation": "Strict"}
    stored: Manifest = admin.request("POST", path, body=manifest, parameters=parameters)
    return stored


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_is_established_and_structural(admin: KubeClient, kind: type[Kind]) -> None:
    """The API server accepts names and schema without reservation."""
    crd = admin.get(CRD, f"{kind.NAMES.plural}.{GROUP}")
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


def test_keeps_every_word_of_the_schema(admin: KubeClient) -> None:
    """What the API server stored is what the manifest says: nothing was pruned."""
    for kind in KINDS:
        crd = admin.get(CRD, f"{kind.NAMES.plural}.{GROUP}")
        (version,) = crd["spec"]["versions"]
        assert version["name"] == VERSION
        assert version["schema"]["openAPIV3Schema"] == build_schema(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_explains_every_field(control_plane: ControlPlane, kind: type[Kind]) -> None:
    """`kubectl explain` shows the description of each field."""
    spec = build_schema(kind)["properties"]["spec"]
    for path, node in walk_leaves(spec, f"{kind.NAMES.plural}.spec"):
        shown = control_plane.kubectl("explain", path)
        description = shown.partition("DESCRIPTION:")[2]
        assert " ".join(node["description"].split()) in " ".join(description.split()), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_fills_defaults_as_offline(admin: KubeClient, namespace: str, kind: type[Kind]) -> None:
    """A small object is stored with the defaults that `steward` fills in without a cluster."""
    manifest = build_object(kind.NAMES.kind)
    stored = create(admin, manifest, namespace)
    assert stored["spec"] == fill_defaults(manifest, build_schema(kind))["spec"]


@pytest.mark.parametrize("what", SHAPE_CASES)
def test_refuses_what_validate_refuses(admin: KubeClient, namespace: str, what: str) -> None:
    """The API server and `steward validate` agree on every odd shape."""
    manifest = SHAPE_CASES[what]
    assert is_accepted(admin, manifest, namespace) == (offline_faults(manifest) == [])


def is_accepted(admin: KubeClient, manifest: Manifest, namespace: str) -> bool:
    """Tell whether the API server takes an object."""
    try:
        create(admin, manifest, namespace)
    except ApiError as error:
        if error.status not in {400, 422, 500}:
            raise
        return False
    return True


def offline_faults(manifest: Any) -> list[str]:
    """Return what `steward validate` says of the object's shape."""
    document = Document(Path("f.yaml"), manifest, {}, None)
    return [f.text for f in check_documents((document,)) if "not in these files" not in f.message]


def test_lists_all_kinds_under_one_category(control_plane: ControlPlane, namespace: str) -> None:
    """`kubectl get steward` shows objects of every kind, with their columns."""
    for kind in KINDS:
        control_plane.admin.create(build_object(kind.NAMES.kind), namespace)
    shown = control_plane.kubectl("get", "steward", "-n", namespace)
    for kind in KINDS:
        assert f"{kind.NAMES.singular}.{GROUP}/sample" in shown
    assert "READY" in control_plane.kubectl("get", "asst", "-n", namespace)


def test_status_is_written_apart(admin: KubeClient, namespace: str) -> None:
    """A user who writes a status with the spec changes nothing: it is a subresource."""
    manifest = {**build_object("Prompt"), "status": {"observedGeneration": 7}}
    stored = admin.create(manifest, namespace)
    assert stored.get("status", {}) == {}
