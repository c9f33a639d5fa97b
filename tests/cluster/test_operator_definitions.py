"""Definitions that are missing or older when the operator starts: a clear word and a code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_api.meta import GROUP
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import StartError
from steward_operator.main import EXIT_DEFINITIONS
from steward_operator_lab.operating import MANIFESTS, OperatorProcess

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

CRD_KIND = "apiextensions.k8s.io/v1/CustomResourceDefinition"
SPEC = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"


@pytest.fixture
def stranger(control_plane: ControlPlane, kinds: tuple[str, ...]) -> Iterator[OperatorProcess]:
    """An operator that was not started; whatever happens, the definitions are whole again."""
    assert kinds
    home = control_plane.create_namespace("operator")
    process = OperatorProcess(control_plane, home)
    yield process
    process.kill()
    control_plane.apply_crds(MANIFESTS)
    control_plane.admin.delete("v1/Namespace", home)


def read_refusal(process: OperatorProcess) -> str:
    """Start, and return what the process said when it ended with the code for definitions."""
    with pytest.raises(StartError, match=f"ended with code {EXIT_DEFINITIONS}"):
        process.start()
    return process.read_log()


def test_a_missing_definition_is_named(
    control_plane: ControlPlane, stranger: OperatorProcess
) -> None:
    """One kind of many: the message says which, and what to do."""
    control_plane.admin.delete(CRD_KIND, f"tools.{GROUP}")
    said = read_refusal(stranger)
    assert f"tools.{GROUP} is missing" in said
    assert "apply the CustomResourceDefinitions of this version" in said
    control_plane.apply_crds(MANIFESTS)
    stranger.start()


def test_an_older_definition_is_named_with_what_it_lacks(
    control_plane: ControlPlane, stranger: OperatorProcess
) -> None:
    """A field that the API server would drop in silence stops the start instead."""
    schema = control_plane.admin.get(CRD_KIND, f"retentionpolicies.{GROUP}")
    fields = schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    name = sorted(set(fields["properties"]) - set(fields.get("required") or ()))[0]
    edit = [{"op": "remove", "path": f"{SPEC}/{name}"}]
    control_plane.admin.patch(
        CRD_KIND, f"retentionpolicies.{GROUP}", None, body=edit, patch_type="json"
    )
    said = read_refusal(stranger)
    assert f"retentionpolicies.{GROUP} is older: it lacks spec.{name}" in said
