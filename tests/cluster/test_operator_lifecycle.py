"""From creation to deletion: order does not matter, Ready is true, and data outlives its owner."""

from __future__ import annotations

from itertools import permutations

import pytest

from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    find_condition,
    list_children,
    render_conditions,
    render_state,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import (
    Manifest,
    build_assistant,
    build_memory_policy,
    build_model,
    build_needs,
    build_prompt,
    build_retention_policy,
    build_tool,
    build_whole_set,
)
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

KEPT = {"PersistentVolumeClaim": 1, "ConfigMap": 1, "Secret": 2}
"""Volume, anchor of the keys, encryption key and signing key."""
GARBAGE_SECONDS = 60.0
"""The garbage collector looks for new kinds every 30 s, and knows no owner before."""


def test_ready_is_false_until_a_pod_is(kubelet: Kubelet, bench: Workbench) -> None:
    """Children alone are not an assistant: Ready follows the Deployment, both ways."""
    kubelet.add_rule(Rule(Outcome.NOT_READY, namespace=bench.namespace))
    bench.create(*build_needs(), build_assistant())
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "RolloutInProgress")
    kubelet.drop_rules(bench.namespace)
    wait_ready(bench.admin, bench.namespace)
    kubelet.add_rule(Rule(Outcome.NOT_READY, namespace=bench.namespace))
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False")
    kubelet.drop_rules(bench.namespace)
    wait_ready(bench.admin, bench.namespace)


def test_a_suspended_assistant_has_no_pod_and_goes_on_purging(bench: Workbench) -> None:
    """Suspend takes the Pod and leaves the schedule."""
    bench.create(*build_needs(), build_assistant())
    wait_ready(bench.admin, bench.namespace)
    bench.edit(ASSISTANT_KIND, "helper", {"spec": {"suspend": True}})
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "Suspended")
    wait_until(lambda: not bench.admin.list("v1/Pod", bench.namespace), "end of the Pod")
    assert bench.get("apps/v1/Deployment", "helper")["spec"]["replicas"] == 0
    assert not bench.get("batch/v1/CronJob", "helper-purge")["spec"].get("suspend")
    bench.edit(ASSISTANT_KIND, "helper", {"spec": {"suspend": False}})
    wait_ready(bench.admin, bench.namespace)


def test_a_missing_secret_of_the_user_is_named_and_its_coming_is_noticed(
    bench: Workbench,
) -> None:
    """The Pod's FailedMount Event becomes a condition; with the Secret the Pod starts."""
    bench.create(
        build_model(credential="model-token"),
        build_prompt(),
        build_retention_policy(),
        build_assistant(),
    )
    wait_condition(
        bench.admin, bench.namespace, "helper", "Ready", "False", "SecretMissing", "model-token"
    )
    data = {"token": "dG9rZW4=", "hosts": "bW9kZWxzLmV4YW1wbGUuY29t"}
    bench.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "model-token"}, "data": data}
    )
    wait_ready(bench.admin, bench.namespace)


def test_deletion_retains_volume_and_keys_and_a_new_assistant_takes_them_up(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """The garbage collector removes what was owned; the rest is adopted under the same name."""
    bench.create(*build_whole_set())
    wait_ready(bench.admin, bench.namespace)

    def kept() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for child in list_children(bench.admin, bench.namespace):
            found.setdefault(child["kind"], []).append(child["metadata"]["uid"])
        return found

    mark = control_plane.audit.mark()
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    wait_until(
        lambda: {kind: len(uids) for kind, uids in kept().items()} == KEPT,
        "the garbage collection",
        GARBAGE_SECONDS,
    )
    assert not wait_quiet(operator, mark, bench.namespace), "deleting is the collector's work"
    before = kept()
    bench.create(build_whole_set()[-1])
    wait_ready(bench.admin, bench.namespace)
    after = kept()
    for kind, uids in before.items():
        assert set(uids) <= set(after[kind]), f"{kind} was not taken up again"


def test_an_assistant_that_is_replaced_at_once_ends_like_any_other(bench: Workbench) -> None:
    """Children of the old one that still wait for the garbage collector do no harm."""
    bench.create(*build_whole_set())
    first = wait_ready(bench.admin, bench.namespace)
    state = render_state(bench.admin, bench.namespace)
    for _ in range(3):
        bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
        bench.create(build_whole_set()[-1])
    last = wait_ready(bench.admin, bench.namespace)
    assert last["metadata"]["uid"] != first["metadata"]["uid"]

    def owners() -> set[str]:
        return {
            owner["uid"]
            for child in list_children(bench.admin, bench.namespace)
            for owner in child["metadata"].get("ownerReferences") or ()
            if owner["kind"] == "Assistant"
        }

    wait_until(lambda: owners() == {last["metadata"]["uid"]}, "garbage collection", GARBAGE_SECONDS)
    wait_until(lambda: render_state(bench.admin, bench.namespace) == state, "the same state")
    wait_ready(bench.admin, bench.namespace)


def build_four() -> tuple[Manifest, ...]:
    """Four objects that hang together: Assistant, Prompt, Tool and MemoryPolicy."""
    assistant = build_assistant(toolRefs=[{"name": "tool"}], memoryPolicyRef={"name": "memory"})
    return assistant, build_prompt(), build_tool(), build_memory_policy()


@pytest.mark.timeout(240)
def test_every_order_of_creation_ends_in_the_same_state(
    control_plane: ControlPlane, admin: KubeClient, operator: OperatorProcess
) -> None:
    """All 24 orders of four objects, with a pause after each object in half of them."""
    names = []
    for number, order in enumerate(permutations(build_four())):
        namespace = control_plane.create_namespace(f"order-{number}")
        names.append(namespace)
        bench = Workbench(admin, namespace)
        bench.create(build_model(), build_retention_policy())
        for manifest in order:
            bench.create(manifest)
            if number % 2:
                kind = f"{API_VERSION}/{manifest['kind']}"
                admin.wait(kind, manifest["metadata"]["name"], namespace, lambda m: "status" in m)
    states: dict[str, list[str]] = {}
    for namespace in names:
        ready = wait_ready(admin, namespace)
        wait_quiet(operator, control_plane.audit.mark(), namespace)
        state = render_state(admin, namespace) + render_conditions(ready)
        states.setdefault(state, []).append(namespace)
    for namespace in names:
        admin.delete("v1/Namespace", namespace)
    assert len(states) == 1, states.values()


def test_references_that_come_late_or_go_are_followed(bench: Workbench) -> None:
    """Without its policy an Assistant keeps serving the last accepted Blueprint, and says so."""
    bench.create(*build_whole_set())
    ready = wait_ready(bench.admin, bench.namespace)
    bench.admin.delete(f"{API_VERSION}/RetentionPolicy", "retention", bench.namespace)
    said = wait_condition(
        bench.admin, bench.namespace, "helper", "Accepted", "False", "", "retention"
    )
    assert said["status"]["blueprintDigest"] == ready["status"]["blueprintDigest"]
    assert find_condition(said, "Stalled")["status"] == "True"
    assert bench.get("apps/v1/Deployment", "helper")["spec"]["replicas"] == 1
    bench.admin.delete(f"{API_VERSION}/Tool", "tool", bench.namespace)
    bench.create(build_retention_policy())
    wait_condition(bench.admin, bench.namespace, "helper", "ResolvedRefs", "False", "", "tool")
    bench.create(build_tool())
    wait_condition(bench.admin, bench.namespace, "helper", "ResolvedRefs", "True")
    after = wait_ready(bench.admin, bench.namespace)
    assert after["status"]["blueprintDigest"] == ready["status"]["blueprintDigest"]
