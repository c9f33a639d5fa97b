"""health.lua under Lua 5.1, on the statuses that the plan really writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steward_api.conditions import State, accepted_without_contract
from steward_api.v1alpha1 import KINDS
from steward_argo.health import Health, HealthScript, Verdict, read_script
from steward_operator import names
from steward_operator.objects import ObjectKey
from steward_operator.plan import (
    cluster_assistant_policy,
    memory_policy,
    model,
    prompt,
    retention_policy,
    tool,
)
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.own_status import plan_own_status, plan_unreadable
from steward_operator.plan.parsing import OwnObject
from steward_operator.plan.world import Broken, MountFailure, Plan, RuntimeReport, World, WriteFault
from steward_operator.settings import OperatorSettings
from steward_plans.cluster import Cluster
from steward_plans.objects import (
    NOW,
    make_cluster_policy,
    make_local_model,
    make_memory_policy,
    make_model,
    make_prompt,
    make_retention_policy,
    make_tool,
    make_world,
    with_object,
    without_object,
)

CHECKS: dict[str, Any] = {
    "Model": model.check_model,
    "Tool": tool.check_tool,
    "Prompt": prompt.check_prompt,
    "MemoryPolicy": memory_policy.check_memory_policy,
    "RetentionPolicy": retention_policy.check_retention_policy,
    "ClusterAssistantPolicy": cluster_assistant_policy.check_cluster_assistant_policy,
}


@pytest.fixture(scope="module")
def script() -> HealthScript:
    """The script that the chart ships."""
    return read_script()


def render(object_: Any, plan: Plan) -> Any:
    """Return the object as the API server shows it after the plan's status was written."""
    manifest = object_.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**manifest, "status": plan.status or manifest.get("status", {})}


def plan_own(object_: OwnObject, accepted: State | None = None) -> Any:
    """Return an object without children, with its planned status."""
    problems = CHECKS[object_.kind](object_, OperatorSettings())
    return render(object_, plan_own_status(object_, problems, now=NOW, accepted_state=accepted))


def plan_whole(world: World) -> Any:
    """Return the Assistant of a world with its planned status."""
    return render(world.assistant, plan_assistant(world))


def settle() -> tuple[Cluster, World]:
    """Return a cluster in which one Assistant is ready."""
    cluster = Cluster()
    return cluster, cluster.settle(make_world())


def message_of(document: Any, type_: str) -> str:
    """Return the words of one condition."""
    found = [c for c in document["status"]["conditions"] if c["type"] == type_]
    return str(found[0].get("message", ""))


@pytest.mark.parametrize(
    "object_",
    [
        make_model(),
        make_tool(),
        make_prompt(),
        make_memory_policy(),
        make_retention_policy(),
        make_cluster_policy(),
    ],
    ids=lambda object_: object_.kind,
)
def test_an_accepted_object_is_healthy(script: HealthScript, object_: OwnObject) -> None:
    """Kinds without Pods are done when they are accepted."""
    assert script.judge(plan_own(object_)).health is Health.HEALTHY


@pytest.mark.parametrize(
    "object_",
    [
        make_local_model(),
        make_tool(contract={"effect": "Read"}, inputSchema={"type": "array"}),
        make_prompt(template="{{nobody}}"),
        make_cluster_policy(exposure={"allowedCidrs": ["10.0.0.0/99"]}),
    ],
    ids=lambda object_: object_.kind,
)
def test_a_refused_object_is_degraded_in_our_words(
    script: HealthScript, object_: OwnObject
) -> None:
    """The message says which field must change."""
    document = plan_own(object_)
    verdict = script.judge(document)
    assert verdict == Verdict(Health.DEGRADED, message_of(document, "Accepted"))
    assert verdict.message.startswith("spec.")


def test_an_object_of_another_version_is_degraded(script: HealthScript) -> None:
    """What the operator cannot read is not served."""
    broken = Broken("Tool", "find-ticket", "spec.type: unknown value")
    plan = plan_unreadable(broken, now=NOW)
    document = {"kind": "Tool", "metadata": {"generation": 1}, "status": plan.status}
    assert script.judge(document) == Verdict(Health.DEGRADED, "spec: spec.type: unknown value")


def test_a_tool_without_contract_is_healthy_and_says_so(script: HealthScript) -> None:
    """It can be used; that each call waits for a review shows beside it."""
    verdict = script.judge(plan_own(make_tool(contract=None), accepted_without_contract()))
    assert verdict.health is Health.HEALTHY
    assert verdict.message.startswith("spec.contract is not set")


def test_an_assistant_on_its_way_is_progressing(script: HealthScript) -> None:
    """Everything is applied, and no Pod is there yet."""
    verdict = script.judge(plan_whole(make_world()))
    assert verdict.health is Health.PROGRESSING
    assert verdict.message.startswith("Deployment desk has no available Pod")


def test_an_assistant_that_serves_is_healthy(script: HealthScript) -> None:
    """Hosts that a NetworkPolicy cannot name, and plain HTTP in the cluster, change nothing."""
    _, world = settle()
    document = plan_whole(world)
    assert message_of(document, "TransportEncrypted")
    assert message_of(document, "EgressExact")
    verdict = script.judge(document)
    assert verdict == Verdict(Health.HEALTHY, message_of(document, "Ready"))


def test_a_suspended_assistant_is_suspended(script: HealthScript) -> None:
    """Somebody wanted it so."""
    world = make_world()
    spec = world.assistant.spec.model_copy(update={"suspend": True})
    assistant = world.assistant.model_copy(update={"spec": spec})
    document = plan_whole(replace(world, assistant=assistant))
    assert script.judge(document) == Verdict(Health.SUSPENDED, message_of(document, "Ready"))


@pytest.mark.parametrize("is_served", [False, True], ids=["new", "served"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("Prompt", "greeting"), ("Model", "chat"), ("RetentionPolicy", "short")],
)
def test_a_missing_reference_is_degraded_by_name(
    script: HealthScript, kind: str, name: str, *, is_served: bool
) -> None:
    """Whether or not an older Blueprint is still served, somebody has to act."""
    world = settle()[1] if is_served else make_world()
    verdict = script.judge(plan_whole(without_object(world, kind, name)))
    assert verdict.health is Health.DEGRADED
    assert name in verdict.message


def test_a_broken_prompt_degrades_the_assistant_that_uses_it(script: HealthScript) -> None:
    """The bad commit touched the Prompt alone; both say why."""
    bad = make_prompt(template="Hello {{nobody}}")
    _, world = settle()
    verdict = script.judge(plan_whole(with_object(world, bad)))
    assert verdict.health is Health.DEGRADED
    assert "Prompt greeting" in verdict.message


def test_a_tool_that_was_left_out_is_degraded(script: HealthScript) -> None:
    """The Assistant serves without it, which is not what was declared."""
    cluster = Cluster()
    world = cluster.settle(without_object(make_world(), "Tool", "find-ticket"))
    document = plan_whole(world)
    assert message_of(document, "Ready")
    verdict = script.judge(document)
    assert verdict == Verdict(Health.DEGRADED, message_of(document, "ResolvedRefs"))


def test_a_missing_secret_is_degraded_by_name(script: HealthScript) -> None:
    """The Pod waits for somebody."""
    world = replace(make_world(), mount_failures=(MountFailure("model-credential"),))
    verdict = script.judge(plan_whole(world))
    assert verdict.health is Health.DEGRADED
    assert "Secret model-credential" in verdict.message


@pytest.mark.parametrize("code", [409, 422])
def test_a_refused_child_is_degraded(script: HealthScript, code: int) -> None:
    """A name that is taken, or words of the API server."""
    fault = WriteFault(ObjectKey("v1", "Service", "team", "desk"), code, "quota is used up")
    verdict = script.judge(plan_whole(replace(make_world(), faults=(fault,))))
    assert verdict.health is Health.DEGRADED
    assert "Service desk" in verdict.message


def test_a_rollout_that_gave_up_is_degraded(script: HealthScript) -> None:
    """The Deployment's own deadline has passed."""
    cluster, world = settle()
    deployment = cluster.objects["Deployment", "desk"]
    deployment["status"] |= {
        "availableReplicas": 0,
        "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ],
    }
    verdict = script.judge(plan_whole(cluster.observe(world)))
    assert verdict.health is Health.DEGRADED
    assert "gave up" in verdict.message


def test_a_runtime_that_serves_something_else_is_degraded(script: HealthScript) -> None:
    """Its Pod is available, and not what Git says."""
    _, world = settle()
    digest = str(world.assistant.status.blueprint_digest)
    report = RuntimeReport(asked_for=digest, blueprint_digest="sha256:" + "0" * 64)
    verdict = script.judge(plan_whole(replace(world, runtime=report)))
    assert verdict.health is Health.DEGRADED
    assert "another Blueprint" in verdict.message


def test_an_assistant_that_is_being_erased_is_progressing(script: HealthScript) -> None:
    """It waits for a proof, and goes by itself."""
    _, world = settle()
    metadata = {
        "deletion_timestamp": "2026-01-02T03:04:05Z",
        "finalizers": (names.ERASURE_FINALIZER,),
    }
    leaving = world.assistant.model_copy(
        update={"metadata": world.assistant.metadata.model_copy(update=metadata)}
    )
    document = plan_whole(replace(world, assistant=leaving))
    verdict = script.judge(document)
    assert verdict == Verdict(Health.PROGRESSING, message_of(document, "Ready"))
    assert "erasure is proven" in verdict.message


def test_a_newer_spec_is_progressing_whatever_the_old_status_says(script: HealthScript) -> None:
    """Healthy of yesterday says nothing about the commit of today."""
    _, world = settle()
    document = plan_whole(world)
    document["metadata"]["generation"] += 1
    assert script.judge(document).health is Health.PROGRESSING


def test_a_condition_about_an_older_spec_is_not_heard(script: HealthScript) -> None:
    """Somebody else's condition that lags behind degrades nothing and proves nothing."""
    document = plan_own(make_prompt())
    document["metadata"]["generation"] = 7
    document["status"]["observedGeneration"] = 7
    assert script.judge(document).health is Health.PROGRESSING


@pytest.mark.parametrize("kind", [kind.NAMES.kind for kind in KINDS])
def test_an_object_that_nobody_read_yet_is_progressing(script: HealthScript, kind: str) -> None:
    """Argo CD looks sooner than the operator."""
    document = {"kind": kind, "metadata": {"generation": 1}}
    assert script.judge(document).health is Health.PROGRESSING


def test_an_accepted_assistant_without_pods_is_not_healthy(script: HealthScript) -> None:
    """An Assistant is there to serve."""
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted"}
    status = {"observedGeneration": 1, "conditions": [condition]}
    document = {"kind": "Assistant", "metadata": {"generation": 1}, "status": status}
    assert script.judge(document).health is Health.PROGRESSING


def test_a_broken_script_is_refused() -> None:
    """The equipment would notice a slip in the script."""
    with pytest.raises(ValueError, match=r"not Lua 5\.1"):
        HealthScript("return {")
    with pytest.raises(ValueError, match="not a health"):
        HealthScript("return {status = 'Healthy', message = 7}").judge({})
