"""CEL rules on a real API server: each refuses what it should, as it does offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_api.meta import API_VERSION
from steward_api.schema import build_schema
from steward_api.shape import fill_defaults
from steward_api.v1alpha1 import KINDS
from steward_cli.rules import check_rules
from steward_kinds.objects import Manifest, build_object
from steward_kinds.rule_cases import RULE_CASES, RuleCase
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kube_client import KubeClient

pytestmark = pytest.mark.cluster

MANIFESTS = Path(__file__).parents[2] / "crds" / "manifests"
SCHEMAS = {kind.NAMES.kind: build_schema(kind) for kind in KINDS}


@pytest.fixture(scope="module", autouse=True)
def crds(control_plane: ControlPlane) -> tuple[str, ...]:
    """The committed manifests, applied and served."""
    return control_plane.apply_crds(MANIFESTS)


def refusal_of(admin: KubeClient, manifest: Manifest, namespace: str) -> str:
    """Return why the API server refuses an object, or nothing."""
    path = admin.resolve_path(f"{API_VERSION}/{manifest['kind']}", namespace)
    try:
        admin.request("POST", path, body=manifest, parameters={"dryRun": "All"})
    except ApiError as error:
        return f"{error.status}: {error.message}"
    return ""


def offline_messages(manifest: Manifest) -> list[str]:
    """Return the messages of the rules that an object breaks without a cluster."""
    schema = SCHEMAS[manifest["kind"]]
    return [problem.message for problem in check_rules(fill_defaults(manifest, schema), schema)]


@pytest.mark.parametrize("case", RULE_CASES, ids=lambda case: case.id)
def test_accepts_what_the_rule_accepts(admin: KubeClient, namespace: str, case: RuleCase) -> None:
    """The accepted object of each pair passes on both sides."""
    assert refusal_of(admin, case.accepted, namespace) == ""
    assert offline_messages(case.accepted) == []


@pytest.mark.parametrize("case", RULE_CASES, ids=lambda case: case.id)
def test_refuses_what_the_rule_refuses(admin: KubeClient, namespace: str, case: RuleCase) -> None:
    """The refused object of each pair is refused with the rule's words, on both sides."""
    refusal = refusal_of(admin, case.refused, namespace)
    offline = offline_messages(case.refused)
    assert refusal.startswith("422: ")
    assert case.message in refusal
    assert [message for message in offline if message not in refusal] == []
    assert [message for message in offline if message.startswith(case.message)]


@pytest.mark.parametrize("field", ["apiKeyGeneration", "encryptionKeyGeneration"])
def test_a_generation_of_keys_never_falls(admin: KubeClient, namespace: str, field: str) -> None:
    """The same and a higher one are taken, a lower one is refused with words."""
    kind = f"{API_VERSION}/Assistant"
    manifest = build_object("Assistant", "rotated", keys={field: 5})
    admin.create(manifest, namespace)
    for generation in (5, 6):
        admin.patch(kind, "rotated", namespace, body={"spec": {"keys": {field: generation}}})
    with pytest.raises(ApiError, match=f"{field} must not become less") as refusal:
        admin.patch(kind, "rotated", namespace, body={"spec": {"keys": {field: 4}}})
    assert refusal.value.status == 422
