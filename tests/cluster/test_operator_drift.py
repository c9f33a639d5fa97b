"""A child that somebody deletes or edits by hand is put right, whatever its kind."""

from __future__ import annotations

import pytest

from steward_lab.control_plane import ControlPlane
from steward_loopback.polling import wait_until
from steward_operator.labels import ASSISTANT
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    describe,
    list_children,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import Manifest, build_whole_set
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

HAND_EDITS: dict[str, tuple[str, str, Manifest]] = {
    "service-account": (
        "v1/ServiceAccount",
        "helper",
        {"automountServiceAccountToken": True},
    ),
    "trust": ("v1/ConfigMap", "helper-trust", {"data": {"trust.json": "{}"}}),
    "trust-with-a-key-more": ("v1/ConfigMap", "helper-trust", {"data": {"other.json": "{}"}}),
    "service": (
        "v1/Service",
        "helper",
        {"spec": {"selector": {"app": "another"}}},
    ),
    "network-policy-opened": (
        "networking.k8s.io/v1/NetworkPolicy",
        "helper-runtime",
        {"spec": {"ingress": [{}]}},
    ),
    "network-policy-switched-off": (
        "networking.k8s.io/v1/NetworkPolicy",
        "helper-runtime",
        {"spec": {"policyTypes": ["Ingress"], "egress": None}},
    ),
    "deployment": ("apps/v1/Deployment", "helper", {"spec": {"replicas": 3}}),
    "cron-job": ("batch/v1/CronJob", "helper-purge", {"spec": {"suspend": True}}),
    "volume-claim": (
        "v1/PersistentVolumeClaim",
        "helper-data",
        {"metadata": {"labels": {"app.kubernetes.io/component": "another"}}},
    ),
    "label-stripped": (
        "v1/Service",
        "helper-admin",
        {"metadata": {"labels": {ASSISTANT: None}}},
    ),
    "owner-stripped": (
        "batch/v1/CronJob",
        "helper-purge",
        {"metadata": {"ownerReferences": None}},
    ),
}

DELETED = (
    ("v1/ServiceAccount", "helper"),
    ("v1/ConfigMap", "helper-trust"),
    ("v1/Service", "helper"),
    ("v1/Service", "helper-admin"),
    ("networking.k8s.io/v1/NetworkPolicy", "helper-runtime"),
    ("networking.k8s.io/v1/NetworkPolicy", "helper-purge"),
    ("apps/v1/Deployment", "helper"),
    ("batch/v1/CronJob", "helper-purge"),
)


@pytest.fixture(scope="module")
def settled(control_plane: ControlPlane, operator: OperatorProcess) -> Workbench:
    """A namespace with one Assistant that is Ready, for tests that put back what they break."""
    namespace = control_plane.create_namespace("drift")
    bench = Workbench(control_plane.admin, namespace)
    bench.create(*build_whole_set())
    wait_ready(bench.admin, namespace)
    wait_quiet(operator, control_plane.audit.mark(), namespace)
    return bench


def owned_part(manifest: Manifest) -> Manifest:
    """Return what must be as it was."""
    metadata = manifest["metadata"]
    kept = {name: metadata.get(name) for name in ("labels", "ownerReferences")}
    anchors = {k: v for k, v in (metadata.get("annotations") or {}).items() if "steward" in k}
    rest = {name: manifest.get(name) for name in ("spec", "data", "automountServiceAccountToken")}
    return {**kept, "annotations": anchors, **rest}


@pytest.mark.parametrize("edit", sorted(HAND_EDITS))
def test_a_hand_edited_child_is_restored(
    control_plane: ControlPlane, operator: OperatorProcess, settled: Workbench, edit: str
) -> None:
    """The child is as before, with one or two writes to it and none to anything else."""
    kind, name, body = HAND_EDITS[edit]
    before = owned_part(settled.get(kind, name))
    mark = control_plane.audit.mark()
    settled.edit(kind, name, body)
    wait_until(lambda: owned_part(settled.get(kind, name)) == before, f"mending of {edit}")
    writes = wait_quiet(operator, mark, settled.namespace)
    assert 1 <= len([w for w in writes if w.name == name]) <= 2, describe(writes)
    others = [w for w in writes if w.name != name and w.resource != "assistants"]
    assert not others, describe(others)
    wait_ready(settled.admin, settled.namespace)


@pytest.mark.parametrize(("kind", "name"), DELETED)
def test_a_deleted_child_is_restored(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    settled: Workbench,
    kind: str,
    name: str,
) -> None:
    """One create brings it back, with the same wanted content."""
    before = settled.get(kind, name)
    mark = control_plane.audit.mark()
    settled.admin.delete(kind, name, settled.namespace)

    def is_back() -> bool:
        found = settled.find(kind, name)
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    wait_until(is_back, f"return of {kind} {name}")
    wait_ready(settled.admin, settled.namespace)
    writes = wait_quiet(operator, mark, settled.namespace)
    assert [(w.verb, w.name) for w in writes if w.resource != "assistants"] == [("create", name)]
    after = settled.get(kind, name)
    assert after["metadata"].get("labels") == before["metadata"].get("labels")


def test_a_deleted_blueprint_is_restored(settled: Workbench) -> None:
    """The immutable ConfigMap comes back under the same name with the same bytes."""
    blueprint = next(
        child
        for child in list_children(settled.admin, settled.namespace)
        if "-blueprint-" in child["metadata"]["name"]
    )
    name = blueprint["metadata"]["name"]
    settled.admin.delete("v1/ConfigMap", name, settled.namespace)
    wait_until(lambda: settled.find("v1/ConfigMap", name) is not None, "return of the Blueprint")
    assert settled.get("v1/ConfigMap", name)["data"] == blueprint["data"]


def test_a_child_that_was_edited_while_nobody_looked_is_restored_at_start(
    control_plane: ControlPlane, operator: OperatorProcess, settled: Workbench
) -> None:
    """The first list is compared field by field, so a stopped operator misses nothing."""
    operator.stop()
    policy = ("networking.k8s.io/v1/NetworkPolicy", "helper-runtime")
    before = owned_part(settled.get(*policy))
    settled.edit(*policy, {"spec": {"ingress": [{}]}})
    settled.admin.delete("v1/Service", "helper", settled.namespace)
    mark = control_plane.audit.mark()
    operator.start()
    wait_until(lambda: owned_part(settled.get(*policy)) == before, "closing of the policy")
    wait_until(lambda: settled.find("v1/Service", "helper") is not None, "return of the Service")
    writes = wait_quiet(operator, mark, settled.namespace)
    changed = sorted((w.verb, w.resource) for w in writes if w.resource != "assistants")
    assert changed == [("create", "services"), ("patch", "networkpolicies")], describe(writes)


def test_a_volume_claim_that_nobody_uses_comes_back(
    operator: OperatorProcess, bench: Workbench
) -> None:
    """With the assistant suspended the claim can go; keys and claim belong together again."""
    del operator
    bench.create(*build_whole_set())
    wait_ready(bench.admin, bench.namespace)
    bench.edit(ASSISTANT_KIND, "helper", {"spec": {"suspend": True}})
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "Suspended")

    def has_no_pod() -> bool:
        return not bench.admin.list("v1/Pod", bench.namespace)

    wait_until(has_no_pod, "end of the Pod")
    claim = ("v1/PersistentVolumeClaim", "helper-data")
    uid = bench.get(*claim)["metadata"]["uid"]
    bench.admin.delete(*claim, bench.namespace)

    def is_new() -> bool:
        found = bench.find(*claim)
        return found is not None and found["metadata"]["uid"] != uid

    wait_until(is_new, "return of the claim")


def test_an_emptied_status_is_written_again(settled: Workbench) -> None:
    """A status that somebody wiped says the same as before."""
    before = settled.get(ASSISTANT_KIND, "helper")["status"]["blueprintDigest"]
    wiped: Manifest = {"status": None}
    settled.admin.patch(
        ASSISTANT_KIND, "helper", settled.namespace, body=wiped, subresource="status"
    )
    after = wait_ready(settled.admin, settled.namespace)
    assert after["status"]["blueprintDigest"] == before
