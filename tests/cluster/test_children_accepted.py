"""Rendered children on a real API server: accepted as they are, and unchanged by its defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_cli.render import render_directory
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kube_client import KubeClient
from steward_operator.compare import find_differences
from steward_operator.objects import Manifest

pytestmark = pytest.mark.cluster

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9]*"))
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
DRY_RUN = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "steward-operator"}


@pytest.fixture(scope="module")
def restricted(control_plane: ControlPlane) -> Iterator[str]:
    """Return a namespace that takes Pods of the restricted level only."""
    name = control_plane.create_namespace("restricted", RESTRICTED)
    yield name
    control_plane.admin.delete("v1/Namespace", name)


def children_of(example: Path, namespace: str) -> list[Manifest]:
    """Return an example's rendered objects, moved into `namespace`."""
    items: list[Manifest] = json.loads(render_directory(example, "json"))["items"]
    for item in items:
        item["metadata"]["namespace"] = namespace
    return items


def post(admin: KubeClient, manifest: Manifest, **parameters: str) -> Manifest:
    """Create an object and return it as it is stored."""
    kind = f"{manifest['apiVersion']}/{manifest['kind']}"
    path = admin.resolve_path(kind, manifest["metadata"]["namespace"])
    stored: Manifest = admin.request("POST", path, body=manifest, parameters=parameters)
    return stored


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_children_are_accepted_and_read_back_as_written(
    admin: KubeClient, restricted: str, example: Path
) -> None:
    """No unknown field, no invalid value, and no default that would look like a difference."""
    for child in children_of(example, restricted):
        stored = post(admin, child, **DRY_RUN)
        assert find_differences(child, stored) == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_pods_pass_the_restricted_level(admin: KubeClient, restricted: str, example: Path) -> None:
    """Pod Security admission takes the Pods of Deployment and CronJob."""
    children = {child["kind"]: child for child in children_of(example, restricted)}
    account = children["ServiceAccount"]
    bare = {**account, "metadata": {"name": account["metadata"]["name"], "namespace": restricted}}
    post(admin, bare)
    job = children["CronJob"]["spec"]["jobTemplate"]["spec"]
    for template in (children["Deployment"]["spec"]["template"], job["template"]):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": "probe", "namespace": restricted},
            "spec": template["spec"],
        }
        post(admin, pod, **DRY_RUN)
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
        with pytest.raises(ApiError, match="restricted"):
            post(admin, pod, **DRY_RUN)
