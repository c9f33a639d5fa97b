"""deletionPolicy: Erase: when the finalizer comes and goes, and what goes with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steward_api.v1alpha1.assistant import AssistantStatus
from steward_operator import names
from steward_operator.names import AnchorRole
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import ErasureReport, FinalizerEdit, Plan, World
from steward_plans.cluster import Cluster
from steward_plans.objects import NOW, make_assistant, make_world

OTHERS = "example.com/keep"
PROVEN = ErasureReport(is_proven=True, reason="Complete")


def with_metadata(world: World, **changes: object) -> World:
    """Change the Assistant's metadata."""
    metadata = world.assistant.metadata.model_copy(update=changes)
    return replace(world, assistant=world.assistant.model_copy(update={"metadata": metadata}))


@pytest.fixture
def settled() -> World:
    """Return a running Assistant under Erase, with the finalizer of somebody else too."""
    world = make_world(make_assistant(deletionPolicy="Erase", erasureDeadlineSeconds=120))
    world = with_metadata(world, finalizers=(OTHERS, names.ERASURE_FINALIZER))
    return Cluster().settle(world)


@pytest.fixture
def deleted(settled: World) -> World:
    """Return it right after its deletion."""
    return with_metadata(settled, deletion_timestamp="2026-01-02T03:04:05Z")


def without(world: World, *kinds: str) -> World:
    """Drop observed children of some kinds."""
    kept = tuple(child for child in world.children if child["kind"] not in kinds)
    return replace(world, children=kept)


def what_goes(plan: Plan) -> list[str]:
    """Return kind and name of what is deleted."""
    return [f"{key.kind} {key.name}" for key in plan.prune]


def record_of(plan: Plan) -> Manifest:
    """Return the one record of an unproven erasure."""
    (record,) = plan.records
    return record


def test_the_finalizer_comes_with_erase_and_goes_with_retain(settled: World) -> None:
    """It is asked for once, only where something is served, and never under Retain."""
    assert plan_assistant(settled).finalizer is None
    bare = with_metadata(settled, finalizers=(OTHERS,))
    assert plan_assistant(bare).finalizer is FinalizerEdit.ADD
    empty = replace(bare, prompts={}, last_blueprint=None)
    assert plan_assistant(empty).finalizer is None
    retained = replace(settled, assistant=make_assistant(deletionPolicy="Retain"))
    assert plan_assistant(retained).finalizer is None
    left = with_metadata(retained, finalizers=(names.ERASURE_FINALIZER,))
    assert plan_assistant(left).finalizer is FinalizerEdit.REMOVE


def test_a_deletion_waits_for_the_proof(deleted: World) -> None:
    """The runtime is told, everything stays, and the deadline is the latest next look."""
    plan = plan_assistant(deleted)
    assert plan.status is not None
    assert plan == Plan(is_erasing=True, requeue_seconds=120, status=plan.status)
    running = replace(deleted, erasure=ErasureReport(is_proven=False, reason="Running"))
    assert plan_assistant(running) == plan


def test_the_status_says_what_a_deletion_waits_for_once(deleted: World) -> None:
    """Ready turns False, everything else stays as it was, and a second look writes nothing."""
    status = plan_assistant(deleted).status
    assert status is not None
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Erasing")
    assert "120 seconds" in ready["message"]
    before = {c.type: c for c in deleted.assistant.status.conditions}
    assert len(status["conditions"]) == len(before)
    told = deleted.assistant.model_copy(update={"status": AssistantStatus.model_validate(status)})
    assert plan_assistant(replace(deleted, assistant=told)).status is None


def test_a_proven_erasure_takes_volume_and_keys_and_lets_go(deleted: World) -> None:
    """What the Assistant owns is left to the garbage collector."""
    plan = plan_assistant(replace(deleted, erasure=PROVEN))
    assert what_goes(plan) == ["ConfigMap desk-keys-anchor-1", "PersistentVolumeClaim desk-data"]
    assert all(key.uid and key.resource_version for key in plan.prune)
    assert (plan.finalizer, plan.records, plan.children) == (FinalizerEdit.REMOVE, (), ())


@pytest.mark.parametrize(
    ("report", "reason"),
    [(None, "NotAsked"), (ErasureReport(is_proven=False, reason="Partial"), "Partial")],
)
def test_past_the_deadline_it_is_released_and_recorded(
    deleted: World, report: ErasureReport | None, reason: str
) -> None:
    """The record is in the operator's namespace, and names whose erasure is unproven and why."""
    late = replace(deleted, erasure=report, now=NOW + timedelta(seconds=120))
    plan = plan_assistant(late)
    assert plan.finalizer is FinalizerEdit.REMOVE
    assert len(plan.prune) == 2
    record = record_of(plan)
    assert record["metadata"]["namespace"] == late.settings.operator_namespace
    data = record["data"]
    assert (data["namespace"], data["assistant"], data["reason"]) == ("team", "desk", reason)
    assert data["uid"] == late.assistant.metadata.uid
    just_before = replace(late, now=NOW + timedelta(seconds=119))
    assert plan_assistant(just_before).is_erasing


def test_without_a_runtime_nobody_is_waited_for(deleted: World) -> None:
    """In a terminating namespace the Deployment goes first: deletion must not hang on it."""
    plan = plan_assistant(without(deleted, "Deployment"))
    assert plan.finalizer is FinalizerEdit.REMOVE
    assert record_of(plan)["data"]["reason"] == "NoRuntime"


@pytest.mark.parametrize("kinds", [("PersistentVolumeClaim", "Deployment"), ("Deployment",)])
def test_a_volume_that_went_first_proves_nothing(deleted: World, kinds: tuple[str, ...]) -> None:
    """A terminating namespace loses its objects in any order; the record is made all the same."""
    plan = plan_assistant(without(deleted, *kinds))
    assert record_of(plan)["data"]["reason"] == "NoRuntime"
    assert plan_assistant(without(deleted, "PersistentVolumeClaim")).is_erasing


def test_an_assistant_that_was_never_served_is_let_go_at_once(deleted: World) -> None:
    """There is nothing to prove."""
    fresh = deleted.assistant.model_copy(update={"status": AssistantStatus()})
    bare = replace(without(deleted, "Deployment", "PersistentVolumeClaim"), assistant=fresh)
    plan = plan_assistant(bare)
    assert (plan.finalizer, plan.records) == (FinalizerEdit.REMOVE, ())


def test_a_deletion_without_our_finalizer_is_left_alone(deleted: World) -> None:
    """Under Retain, and once we have let go."""
    assert plan_assistant(with_metadata(deleted, finalizers=(OTHERS,))) == Plan()


def list_owners(child: Manifest) -> list[tuple[str, str]]:
    """Return kind and uid of each owner."""
    found = child["metadata"].get("ownerReferences", [])
    return [(owner["kind"], owner["uid"]) for owner in found]


def test_under_erase_the_keys_anchor_keeps_every_child_too(settled: World) -> None:
    """A deletion in the foreground may not take the runtime away before it has erased."""
    (anchor,) = (a for a in settled.anchors.values() if a.role is AnchorRole.KEYS)
    mine = [("Assistant", settled.assistant.metadata.uid), ("ConfigMap", anchor.uid)]
    assert [list_owners(child) for child in plan_assistant(settled).children] == [mine] * 10


def test_under_retain_the_assistant_alone_owns() -> None:
    """Whoever deletes it in the foreground waits for its children to end."""
    settled = Cluster().settle(make_world())
    owners = {tuple(list_owners(child)) for child in plan_assistant(settled).children}
    assert owners == {(("Assistant", settled.assistant.metadata.uid),), ()}


def test_a_first_plan_knows_no_anchor_and_names_none() -> None:
    """The API server would refuse an owner without uid."""
    plan = plan_assistant(make_world(make_assistant(deletionPolicy="Erase")))
    owners = {kind for child in plan.children for kind, _ in list_owners(child)}
    assert owners == {"Assistant"}
