"""The roll of a changed runtime image: who waits, what stays, and what is said about it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from steward_api.meta import Condition
from steward_api.reasons import Reason
from steward_operator import labels
from steward_operator.objects import Manifest, Subject
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.upgrade import DeploymentFacts, Stage, resolve_origin, resolve_stage
from steward_operator.plan.world import FREE, Plan, PodFault, Turn, World
from steward_plans.cluster import Cluster
from steward_plans.objects import make_assistant, make_prompt, make_world, with_object

OLD, NEW = "runtime:1", "runtime:2"
LATER = Turn(may_restart=False)
STOPPED = Turn(may_restart=False, stopped_by=Subject("Assistant", "team", "other"))
AVAILABLE = DeploymentFacts(OLD, is_available=True)


@pytest.mark.parametrize(
    ("facts", "is_ready", "stage"),
    [
        (AVAILABLE, True, Stage.WAITING),
        (AVAILABLE, False, Stage.HELD),
        (DeploymentFacts(OLD), True, Stage.SETTLED),
        (DeploymentFacts(OLD, is_empty=True, is_available=True), True, Stage.SETTLED),
        (DeploymentFacts(OLD, origin="runtime:0"), False, Stage.ROLLING),
        (DeploymentFacts(NEW, origin=OLD), False, Stage.ROLLING),
        (DeploymentFacts(NEW, origin=OLD, has_failed=True), False, Stage.FAILED),
        (DeploymentFacts(NEW, origin=OLD, is_available=True), True, Stage.SETTLED),
        (DeploymentFacts(NEW, has_failed=True), False, Stage.SETTLED),
    ],
)
def test_reads_the_stage_off_the_deployment(
    facts: DeploymentFacts, is_ready: bool, stage: Stage
) -> None:
    """Only what served before, and is under way, takes a place or stops the others."""
    assert resolve_stage(facts, NEW, is_ready=is_ready, is_failing=False) is stage


def test_a_pod_that_cannot_start_is_a_failure_before_the_controller_gives_up() -> None:
    """Ten minutes are not waited for."""
    facts = DeploymentFacts(NEW, origin=OLD)
    assert resolve_stage(facts, NEW, is_ready=False, is_failing=True) is Stage.FAILED


def settle_with(image: str) -> tuple[Cluster, World]:
    """A cluster in which one Assistant serves with an image."""
    cluster, world = Cluster(), make_world()
    return cluster, cluster.settle(with_image(world, image))


def with_image(world: World, image: str) -> World:
    """The world of an operator that was told to use another image."""
    return replace(world, settings=replace(world.settings, runtime_image=image))


def deployment_of(plan: Plan) -> Manifest:
    """The planned Deployment."""
    return next(child for child in plan.children if child["kind"] == "Deployment")


def conditions_of(world: World, plan: Plan) -> dict[str, Condition]:
    """The conditions after a plan."""
    if plan.status is None:
        return {c.type: c for c in world.assistant.status.conditions}
    return {c["type"]: Condition.model_validate(c) for c in plan.status["conditions"]}


def test_who_waits_keeps_pod_schedule_and_blueprint_and_stays_ready() -> None:
    """Not even a change of the spec restarts it; the rest is kept in order."""
    _, world = settle_with(OLD)
    changed = with_object(world, make_prompt(template="Another text."))
    plan = plan_assistant(replace(with_image(changed, NEW), turn=LATER))
    kinds = {child["kind"] for child in plan.children}
    assert not kinds & {"Deployment", "CronJob", "PersistentVolumeClaim"}
    assert {"Service", "NetworkPolicy"} <= kinds
    assert not [key for key in plan.prune if key.kind in {"Deployment", "CronJob", "ConfigMap"}]
    said = conditions_of(world, plan)
    assert said["Ready"].status == "True"
    assert (said["Reconciling"].status, said["Reconciling"].reason) == ("True", "UpgradeWaiting")
    assert NEW in said["Reconciling"].message
    assert plan.status is not None
    assert plan.status["blueprintDigest"] == world.assistant.status.blueprint_digest


def test_an_unreadable_former_blueprint_changes_nothing_while_its_pod_serves() -> None:
    """The version before may have written it otherwise."""
    _, world = settle_with(OLD)
    waiting = replace(with_image(world, NEW), turn=LATER, last_blueprint=None)
    plan = plan_assistant(waiting)
    assert not plan.children
    assert not plan.prune
    assert conditions_of(world, plan)["Ready"].status == "True"
    assert plan.status is not None
    assert plan.status["blueprintDigest"] == world.assistant.status.blueprint_digest


@pytest.mark.parametrize(
    ("namespace", "mention"), [("team", "Assistant other "), ("elsewhere", "another namespace")]
)
def test_who_waits_for_a_failure_says_whose(namespace: str, mention: str) -> None:
    """Its name only to its own namespace."""
    _, world = settle_with(OLD)
    turn = Turn(may_restart=False, stopped_by=Subject("Assistant", namespace, "other"))
    plan = plan_assistant(replace(with_image(world, NEW), turn=turn))
    said = conditions_of(world, plan)
    assert (said["Stalled"].status, said["Stalled"].reason) == ("True", "UpgradeStopped")
    assert said["Reconciling"].status == "False"
    assert mention in said["Stalled"].message
    assert ("other" in said["Stalled"].message.split()) == (namespace == "team")


def test_a_roll_is_marked_until_its_pod_is_available() -> None:
    """The mark says what served before, so that a restarted operator knows of the roll."""
    cluster, world = settle_with(OLD)
    rolled = replace(with_image(world, NEW), turn=FREE)
    plan = plan_assistant(rolled)
    marked = deployment_of(plan)
    assert marked["metadata"]["annotations"][labels.UPGRADED_FROM] == OLD
    after = cluster.apply(rolled, plan)
    assert resolve_origin(after) == OLD, "not available yet"
    cluster.report_deployment(after)
    after = cluster.observe(after)
    assert resolve_origin(after) is None
    assert labels.UPGRADED_FROM not in str(deployment_of(plan_assistant(after)))


def break_deployment(cluster: Cluster) -> None:
    """Let the Deployment controller find no available Pod."""
    found = next(o for (kind, _), o in cluster.objects.items() if kind == "Deployment")
    found["status"] = {"observedGeneration": found["metadata"]["generation"], "replicas": 1}


def test_where_no_pod_serves_the_image_is_taken_at_once_and_unmarked() -> None:
    """There is nothing to protect, and whoever mends it must not wait."""
    cluster, world = settle_with(OLD)
    break_deployment(cluster)
    plan = plan_assistant(replace(with_image(cluster.observe(world), NEW), turn=LATER))
    assert NEW in str(deployment_of(plan))
    assert labels.UPGRADED_FROM not in str(deployment_of(plan))


def test_a_failed_roll_keeps_its_mark_through_another_image_and_says_what_it_stops() -> None:
    """The next image is watched like the one before."""
    cluster, world = settle_with(OLD)
    rolled = with_image(world, NEW)
    after = cluster.apply(rolled, plan_assistant(rolled))
    break_deployment(cluster)
    fault = PodFault(Reason.IMAGE_UNAVAILABLE, "image runtime:2 cannot be had", True)
    failed = replace(cluster.observe(after), pod_fault=fault)
    said = conditions_of(failed, plan_assistant(failed))
    assert (said["Ready"].status, said["Ready"].reason) == ("False", "ImageUnavailable")
    assert said["Stalled"].reason == "UpgradeFailed"
    assert "cannot be had" in said["Stalled"].message
    again = deployment_of(plan_assistant(with_image(failed, "runtime:3")))
    assert again["metadata"]["annotations"][labels.UPGRADED_FROM] == NEW


def test_suspending_is_not_held_up() -> None:
    """A Pod that goes anyway need not wait for its turn."""
    _, world = settle_with(OLD)
    assistant = make_assistant(suspend=True).model_copy(update={"status": world.assistant.status})
    plan = plan_assistant(replace(with_image(world, NEW), turn=STOPPED, assistant=assistant))
    assert deployment_of(plan)["spec"]["replicas"] == 0


def test_the_same_image_is_no_upgrade() -> None:
    """An operator of another version with the same image touches no Pod."""
    _, world = settle_with(OLD)
    plan = plan_assistant(copy.deepcopy(world))
    assert plan.status is None
    assert not plan.events
