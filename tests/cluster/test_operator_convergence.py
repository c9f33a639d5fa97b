"""From YAML to children and status: what appears, in how many writes, and what depends on what."""

from __future__ import annotations

from collections import Counter

import pytest

from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    describe,
    list_children,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import (
    build_assistant,
    build_memory_policy,
    build_needs,
    build_retention_policy,
    build_tool,
    build_whole_set,
)
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

CHILDREN = {
    "ServiceAccount": 1,
    "ConfigMap": 4,
    "PersistentVolumeClaim": 1,
    "Service": 2,
    "NetworkPolicy": 2,
    "Deployment": 1,
    "CronJob": 1,
    "Secret": 4,
}
"""Blueprint, trust and two anchors; public and administration Service; runtime and purge policy;
API key, purge token, encryption and signing key."""


def wait_new_blueprint(bench: Workbench, before: str) -> str:
    """Wait until another Blueprint than `before` is served, and return its digest."""
    bench.admin.wait(
        ASSISTANT_KIND,
        "helper",
        bench.namespace,
        lambda manifest: bool(manifest["status"]["blueprintDigest"] != before),
    )
    after = wait_ready(bench.admin, bench.namespace)["status"]["blueprintDigest"]
    return str(after)


def test_all_children_appear_and_the_assistant_becomes_ready(
    operator: OperatorProcess, bench: Workbench
) -> None:
    """Every planned child exists, with a condition that says so."""
    bench.create(*build_whole_set())
    assistant = wait_ready(bench.admin, bench.namespace)
    found = Counter(c["kind"] for c in list_children(bench.admin, bench.namespace))
    assert found == CHILDREN, operator.read_log()
    assert assistant["status"]["endpoint"].endswith("/v1")
    assert bench.get("v1/Secret", assistant["status"]["apiKeySecretName"])


def test_first_convergence_costs_one_write_per_child_and_two_for_status(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """One write per child, one status write, at most one more when Ready, and nothing else."""
    bench.create(*build_needs())
    mark = control_plane.audit.mark()
    wait_quiet(operator, mark, bench.namespace)
    mark = control_plane.audit.mark()
    bench.create(build_assistant())
    wait_ready(bench.admin, bench.namespace)
    writes = wait_quiet(operator, mark, bench.namespace)
    statuses = [w for w in writes if w.resource == "assistants"]
    children = [w for w in writes if w not in statuses]
    assert len(children) == sum(CHILDREN.values()), describe(writes)
    assert {w.verb for w in children} == {"create"}
    assert all(w.subresource == "status" for w in statuses)
    assert 1 <= len(statuses) <= 2, describe(writes)


def test_objects_applied_together_cost_no_more_than_one_by_one(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """An Assistant that comes before what it refers to is not told off for it."""
    mark = control_plane.audit.mark()
    *others, assistant = build_whole_set()
    bench.create(assistant, *others)
    wait_ready(bench.admin, bench.namespace)
    writes = wait_quiet(operator, mark, bench.namespace)
    counted = Counter((w.resource, w.subresource) for w in writes)
    assert 1 <= counted.pop(("assistants", "status")) <= 2, describe(writes)
    statuses = {r: n for (r, sub), n in counted.items() if sub == "status"}
    assert statuses == {
        "models": 2,
        "tools": 1,
        "prompts": 1,
        "memorypolicies": 1,
        "retentionpolicies": 1,
    }
    assert sum(counted.values()) - sum(statuses.values()) == sum(CHILDREN.values())


def test_nothing_of_ours_is_left_on_users_objects(bench: Workbench) -> None:
    """No annotation, label, finalizer or owned spec field; only the status is ours."""
    manifests = build_whole_set()
    bench.create(*manifests)
    wait_ready(bench.admin, bench.namespace)
    for manifest in manifests:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        found = bench.get(f"{API_VERSION}/{kind}", name)
        metadata = found["metadata"]
        assert not {"annotations", "labels", "finalizers"} & metadata.keys()
        assert metadata["generation"] == 1
        ours = [e for e in metadata["managedFields"] if e["manager"] == "steward-operator"]
        assert [(e["operation"], e["subresource"]) for e in ours] == [("Apply", "status")]
        assert set(ours[0]["fieldsV1"]) == {"f:status"}


def test_editing_a_tool_changes_only_assistants_that_use_it(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """The other Assistant sees no write; the one that depends gets Blueprint and Deployment."""
    bench.create(
        *build_needs(),
        build_tool(),
        build_assistant("user", toolRefs=[{"name": "tool"}]),
        build_assistant("stranger"),
    )
    wait_ready(bench.admin, bench.namespace, "user")
    wait_ready(bench.admin, bench.namespace, "stranger")
    mark = control_plane.audit.mark()
    wait_quiet(operator, mark, bench.namespace)
    mark = control_plane.audit.mark()
    bench.edit(f"{API_VERSION}/Tool", "tool", {"spec": {"description": "Finds other things."}})
    writes = wait_quiet(operator, mark, bench.namespace)
    touched = {w.name for w in writes}
    assert not [name for name in touched if name.startswith("stranger")]
    created = [w.name for w in writes if w.verb == "create" and w.resource == "configmaps"]
    assert len(created) == 1
    assert created[0].startswith("user-blueprint-")
    assert {w.resource for w in writes} == {"configmaps", "deployments", "assistants", "tools"}


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("Prompt", "prompt", {"template": "Help them all."}),
        ("Model", "chat", {"modelName": "another"}),
        ("Model", "embedder", {"modelName": "another"}),
        ("MemoryPolicy", "memory", build_memory_policy(embedder="embedder")["spec"]),
        ("RetentionPolicy", "retention", build_retention_policy(keep_seconds=60)["spec"]),
    ],
)
def test_editing_what_an_assistant_refers_to_makes_a_new_blueprint(
    bench: Workbench, kind: str, name: str, change: dict[str, object]
) -> None:
    """Each kind of reference is followed, also through a policy."""
    bench.create(*build_whole_set())
    before = wait_ready(bench.admin, bench.namespace)["status"]["blueprintDigest"]
    if kind == "MemoryPolicy":
        segment = {"name": "more", "domain": "other", "sensitivity": "Public"}
        change = {**change, "segments": [segment]}
    bench.edit(f"{API_VERSION}/{kind}", name, {"spec": change})
    after = wait_new_blueprint(bench, before)
    deployment = bench.get("apps/v1/Deployment", "helper")
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert after in annotations.values()


def test_a_field_that_is_no_longer_wanted_goes_from_the_child(bench: Workbench) -> None:
    """A Tool that needs no Secret any more takes the volume of its Secret with it."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}
    bench.create(
        secret,
        *build_needs(),
        build_tool(credential="token"),
        build_assistant(toolRefs=[{"name": "tool"}]),
    )
    wait_ready(bench.admin, bench.namespace)

    def mounts_token(deployment: dict[str, object]) -> bool:
        return "'secretName': 'token'" in str(deployment)

    assert mounts_token(bench.get("apps/v1/Deployment", "helper"))
    change = {"spec": {"http": {"credentialSecretRef": None}}}
    bench.edit(f"{API_VERSION}/Tool", "tool", change)
    bench.admin.wait("apps/v1/Deployment", "helper", bench.namespace, lambda m: not mounts_token(m))
    wait_ready(bench.admin, bench.namespace)


def test_old_blueprints_are_pruned_when_nothing_names_them(bench: Workbench) -> None:
    """At most the current Blueprint, those of the kept ReplicaSets and one in passing stay."""
    bench.create(*build_whole_set())
    before = str(wait_ready(bench.admin, bench.namespace)["status"]["blueprintDigest"])
    for number in range(6):
        change = {"spec": {"template": f"Number {number}."}}
        bench.edit(f"{API_VERSION}/Prompt", "prompt", change)
        before = wait_new_blueprint(bench, before)

    def count_blueprints() -> int:
        children = list_children(bench.admin, bench.namespace)
        return sum("-blueprint-" in child["metadata"]["name"] for child in children)

    wait_until(lambda: count_blueprints() <= 1 + 2 + 1, "pruning")
    assert bench.find("v1/ConfigMap", f"helper-blueprint-{before[7:23]}")
