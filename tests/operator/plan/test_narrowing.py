"""A running Assistant under tightened bounds: narrowed where that is possible, else denied."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from steward_api.blueprint import TRUST_FILE, Denial, Trust
from steward_api.meta import Condition
from steward_operator.names import runtime_policy_name
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.bounds import Bounds
from steward_operator.plan.world import Plan, World
from steward_plans.cluster import Cluster
from steward_plans.objects import make_assistant, make_cluster_policy, make_model, make_world
from steward_plans.objects import with_object as add

RUNTIME = runtime_policy_name("desk")


def tighten(world: World, **spec: Any) -> Plan:
    """Let an Assistant run, then plan it under a new policy."""
    running = Cluster().settle(world)
    policy = make_cluster_policy(**spec)
    plan = plan_assistant(replace(running, bounds=Bounds((policy,))))
    before = running.assistant.status.model_dump(mode="json", by_alias=True)
    return replace(plan, status=plan.status or before)


def conditions(plan: Plan) -> dict[str, Condition]:
    """Return the planned conditions by type."""
    found = (Condition.model_validate(entry) for entry in (plan.status or {})["conditions"])
    return {condition.type: condition for condition in found}


def child(plan: Plan, kind: str, part: str = "") -> Manifest:
    """Return the one planned child of a kind with this in its name."""
    (found,) = [
        c for c in plan.children if c["kind"] == kind and c["metadata"]["name"].endswith(part)
    ]
    return found


def denial(plan: Plan) -> Denial | None:
    """Return what the runtime is told."""
    return Trust.model_validate_json(child(plan, "ConfigMap", "-trust")["data"][TRUST_FILE]).denial


def egress_ports(plan: Plan) -> set[int]:
    """Return the ports that the runtime's Pod may connect to."""
    policy = child(plan, "NetworkPolicy", RUNTIME)
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


DENYING: list[dict[str, Any]] = [
    {"models": {"allowedHosts": []}},
    {"retention": {"windows": [{"class": "Memory", "minKeepSeconds": 7_200}]}},
    {"retention": {"windows": [{"class": "Memory", "maxKeepSeconds": 60}]}},
    {"requiredDeletionPolicy": "Erase"},
]


@pytest.mark.parametrize("spec", DENYING, ids=lambda spec: json.dumps(spec)[:40])
def test_what_is_no_longer_allowed_takes_no_new_work(spec: dict[str, Any]) -> None:
    """The runtime is told to deny, and the status says which policy is why."""
    plan = tighten(make_world(), **spec)
    told, found = denial(plan), conditions(plan)
    assert told is not None
    assert told.reason == "BeyondClusterPolicy"
    assert found["Accepted"].status == "False"
    assert "ClusterAssistantPolicy platform" in found["Accepted"].message
    assert (found["Ready"].status, found["Ready"].reason) == ("False", "BeyondClusterPolicy")
    assert found["Stalled"].status == "True"


def test_a_host_that_is_no_longer_allowed_is_out_of_reach() -> None:
    """The NetworkPolicy closes too: a turn that is under way cannot go on there."""
    free = plan_assistant(Cluster().settle(make_world()))
    assert egress_ports(free) == {53, 443, 8080}
    assert egress_ports(tighten(make_world(), models={"allowedHosts": []})) == {53, 8080}
    closed = tighten(make_world(), models={"allowedHosts": []}, tools={"allowedHosts": []})
    assert egress_ports(closed) == {53}


def test_a_tool_that_is_no_longer_allowed_goes_alone() -> None:
    """The assistant works on without it, as without a broken one."""
    plan = tighten(make_world(), tools={"allowedHosts": []})
    assert denial(plan) is None
    found = conditions(plan)
    assert found["Accepted"].status == "True"
    assert "spec.tools.allowedHosts" in found["ResolvedRefs"].message


def test_another_model_takes_over() -> None:
    """While one Model is left, the assistant serves with it."""
    world = add(make_world(), make_model("spare", openAI={"baseUrl": "https://spare.test/v1"}))
    refs = [{"name": "chat"}, {"name": "spare"}]
    world = replace(world, assistant=make_assistant(modelRefs=refs))
    plan = tighten(world, models={"allowedHosts": ["spare.test"]})
    assert denial(plan) is None
    assert conditions(plan)["Accepted"].status == "True"


def test_nothing_is_purged_while_a_window_is_shorter_than_allowed() -> None:
    """What is deleted too early cannot be brought back; a window that is too long purges on."""
    short = tighten(
        make_world(), retention={"windows": [{"class": "Tasks", "minKeepSeconds": 7_200}]}
    )
    assert child(short, "CronJob")["spec"]["suspend"] is True
    assert "nothing is purged" in conditions(short)["Ready"].message
    long = tighten(make_world(), retention={"windows": [{"class": "Tasks", "maxKeepSeconds": 60}]})
    assert child(long, "CronJob")["spec"]["suspend"] is False
    assert "purging goes on" in conditions(long)["Ready"].message


def placement(plan: Plan) -> list[list[str]]:
    """Return the sets of zones that a Pod of the Deployment must be in, and the purge Job's too."""

    def read(spec: Manifest) -> list[list[str]]:
        affinity = spec.get("affinity")
        if affinity is None:
            return []
        required = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (term,) = required["nodeSelectorTerms"]
        return [expression["values"] for expression in term["matchExpressions"]]

    purge = child(plan, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    deployed = read(child(plan, "Deployment")["spec"]["template"]["spec"])
    assert read(purge) == deployed
    return deployed


@pytest.mark.parametrize(
    ("declared", "allowed", "wanted"),
    [
        (None, ["b", "a"], [["a", "b"]]),
        (["b"], ["b", "a"], [["b"]]),
        (["b", "c"], ["b", "a"], [["b"]]),
        (["c"], ["b", "a"], [["a", "b"], ["c"]]),
    ],
)
def test_pods_stay_in_the_zones_that_are_left(
    declared: list[str] | None, allowed: list[str], wanted: list[list[str]]
) -> None:
    """Where none is left the scheduler finds no place: no Pod runs where it may not."""
    residency = {"zones": declared} if declared else None
    world = make_world(make_assistant(residency=residency))
    plan = tighten(world, residency={"allowedZones": allowed})
    assert placement(plan) == wanted
    said = conditions(plan)["ResidencyExact"]
    assert said.reason == ("VolumeNotConstrained" if len(wanted) == 1 else "ZonesContradict")


def test_without_zones_nothing_is_said_of_them() -> None:
    """An Assistant without residency has no condition and no affinity."""
    plan = plan_assistant(make_world())
    assert placement(plan_assistant(Cluster().settle(make_world()))) == []
    assert "ResidencyExact" not in conditions(plan)


def test_unknown_bounds_close_every_door() -> None:
    """Nothing may be asked, nothing reached and nobody let in until the bounds can be read."""
    world = make_world(make_assistant(exposure={"allowedFrom": [{"namespace": "web"}]}))
    running = Cluster().settle(world)
    plan = plan_assistant(replace(running, bounds=Bounds(unknown="nobody may list them")))
    told = denial(plan)
    assert told is not None
    assert told.reason == "ClusterPolicyUnreadable"
    assert conditions(plan)["Accepted"].reason == "ClusterPolicyUnreadable"
    assert egress_ports(plan) == {53}
    ingress = child(plan, "NetworkPolicy", RUNTIME)["spec"]["ingress"]
    assert 8_080 not in {rule["ports"][0]["port"] for rule in ingress}


def test_unknown_bounds_leave_pods_where_they_are() -> None:
    """The zones of a policy that cannot be read now must not be lost: nothing is placed anew."""
    policy = make_cluster_policy(residency={"allowedZones": ["a"]})
    placed = Cluster().settle(replace(make_world(), bounds=Bounds((policy,))))
    plan = plan_assistant(replace(placed, bounds=Bounds(unknown="nobody may list them")))
    touched = {each["kind"] for each in plan.children} | {key.kind for key in plan.prune}
    assert touched.isdisjoint({"Deployment", "CronJob", "PersistentVolumeClaim"})


def test_an_assistant_that_was_never_accepted_gets_nothing() -> None:
    """Beyond its bounds, a new Assistant has no child at all."""
    bounds = Bounds((make_cluster_policy(requiredDeletionPolicy="Erase"),))
    plan = plan_assistant(replace(make_world(), bounds=bounds))
    assert plan.children == ()
    assert conditions(plan)["Accepted"].reason == "BeyondClusterPolicy"
