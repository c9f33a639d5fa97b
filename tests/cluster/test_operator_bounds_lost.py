"""Bounds that cannot be read, in each of three ways: nothing is allowed until they can."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from steward_api.meta import API_VERSION, GROUP
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError, LabError
from steward_lab.kube_client import Manifest
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator.rbac import build_cluster_role
from steward_operator_lab.operating import MANIFESTS, OperatorProcess, run_operator
from steward_operator_lab.reading import ASSISTANT_KIND, has_condition
from steward_operator_lab.samples import build_assistant, build_needs, build_object
from steward_operator_lab.workbench import Workbench

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PLURAL = "clusterassistantpolicies"
POLICY = f"{API_VERSION}/ClusterAssistantPolicy"
CRD = "apiextensions.k8s.io/v1/CustomResourceDefinition"
SECONDS = 90.0
"""Longer than the operator waits before it tries again what was forbidden: 30 s at most."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane whose rights and kinds a test may take away."""
    with ControlPlane() as found:
        found.apply_crds(MANIFESTS)
        with Kubelet(found):
            yield found


def bench_of(plane: ControlPlane) -> Workbench:
    """Return a namespace with an Assistant and what it needs."""
    bench = Workbench(plane.admin, plane.create_namespace("test"))
    bench.create(*build_needs(), build_assistant())
    return bench


def wait_for(bench: Workbench, *words: str) -> None:
    """Wait until a condition of the Assistant says this."""
    bench.admin.wait(
        ASSISTANT_KIND,
        "helper",
        bench.namespace,
        lambda manifest: has_condition(manifest, *words),
        deadline_seconds=SECONDS,
    )


def without_policies(role: Manifest) -> Manifest:
    """Return the operator's role without any right on policies."""
    rules = [
        {**rule, "resources": [r for r in rule["resources"] if not r.startswith(PLURAL)]}
        for rule in role["rules"]
    ]
    return {**role, "rules": [rule for rule in rules if rule["resources"]]}


def test_without_the_right_to_list_them_nothing_is_allowed(plane: ControlPlane) -> None:
    """The operator runs and says what it lacks; once it has the right, it goes on by itself."""
    home = plane.create_namespace("operator")
    process = OperatorProcess(plane, home)
    plane.admin.apply(without_policies(build_cluster_role()))
    try:
        process.start()
        bench = bench_of(plane)
        words = ("Accepted", "False", "ClusterPolicyUnreadable", "by a ClusterRole")
        wait_for(bench, *words)
        assert bench.find("apps/v1/Deployment", "helper") is None
        plane.admin.apply(build_cluster_role())
        wait_for(bench, "Ready", "True")
    finally:
        process.stop()
        plane.admin.apply(build_cluster_role())


def add_field(plane: ControlPlane) -> None:
    """Make the API server serve a field of policies that this operator does not know."""
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/future"
    edit = {"op": "add", "path": path, "value": {"type": "string"}}
    plane.admin.patch(CRD, f"{PLURAL}.{GROUP}", None, body=[edit], patch_type="json")


def has_kept_the_field(plane: ControlPlane) -> bool:
    """Tell whether a policy with the new field was stored with it."""
    with contextlib.suppress(ApiError):
        plane.admin.delete(POLICY, "future")
    policy = build_object("ClusterAssistantPolicy", "future", {"future": "narrower"})
    with contextlib.suppress(ApiError):
        return bool(plane.admin.create(policy)["spec"].get("future"))
    return False


def test_a_policy_of_a_newer_version_allows_nothing(plane: ControlPlane) -> None:
    """What this version cannot read could forbid anything, in any namespace."""
    with run_operator(plane) as operator:
        bench = bench_of(plane)
        wait_for(bench, "Ready", "True")
        operator.stop()
        add_field(plane)
        try:
            wait_until(lambda: has_kept_the_field(plane), "the new field", SECONDS)
            operator.start()
            wait_for(bench, "Ready", "False", "ClusterPolicyUnreadable", "future cannot be read")
            is_said = ("Accepted", "False", "Unreadable", "spec.future")
            plane.admin.wait(POLICY, "future", None, lambda found: has_condition(found, *is_said))
        finally:
            plane.admin.delete(POLICY, "future")
            plane.apply_crds(MANIFESTS)
        wait_for(bench, "Ready", "True")


def test_without_the_kind_nothing_is_allowed(plane: ControlPlane) -> None:
    """Whoever takes the kind away takes no bound away; an operator does not start without it."""
    with run_operator(plane) as operator:
        bench = bench_of(plane)
        wait_for(bench, "Ready", "True")
        plane.admin.delete(CRD, f"{PLURAL}.{GROUP}")
        try:
            wait_for(bench, "Ready", "False", "ClusterPolicyUnreadable", "is not installed")
            operator.stop()
            with pytest.raises(LabError, match=f"{PLURAL}[^ ]* is missing"):
                operator.start()
        finally:
            plane.apply_crds(MANIFESTS)
        operator.stop()
        operator.start()
        wait_for(bench, "Ready", "True")
