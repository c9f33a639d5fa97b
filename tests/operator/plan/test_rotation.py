"""Rotation: a higher generation makes a new anchor; what it replaces stays as long as needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_operator.names import AnchorRole
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import Plan, World
from steward_plans.cluster import Cluster
from steward_plans.objects import make_assistant, make_world

FRESH = {AnchorRole.ACCESS: "c" * 32, AnchorRole.KEYS: "d" * 32}
OVERLAP_SECONDS = 3_600


def rotate(world: World, **keys: Any) -> World:
    """Return the world after a user has edited `spec.keys`."""
    status = world.assistant.status
    assistant = make_assistant(keys=keys).model_copy(update={"status": status})
    return replace(world, assistant=assistant, entropy=FRESH)


def read_volumes(cluster: Cluster, kind: str = "Deployment", name: str = "desk") -> dict[str, str]:
    """Return the Secrets that the Pod mounts: path to name."""
    spec = cluster.objects[kind, name]["spec"]
    pod: Manifest = spec["template"]["spec"]
    names = {volume["name"]: volume.get("secret", {}) for volume in pod["volumes"]}
    mounts = pod["containers"][0]["volumeMounts"]
    found = {mount["mountPath"]: names[mount["name"]].get("secretName") for mount in mounts}
    return {path: secret for path, secret in found.items() if secret}


def settled(**keys: Any) -> tuple[Cluster, World]:
    """Return a cluster in which an Assistant of the first generation rests, and its world."""
    cluster = Cluster()
    world = cluster.settle(make_world(assistant=make_assistant(keys=keys)))
    return cluster, world


def list_anchors(cluster: Cluster, role: str) -> list[str]:
    """Return the names of the anchors of a role."""
    return sorted(name for _, name in cluster.objects if f"-{role}-anchor-" in name)


def test_a_higher_generation_makes_a_new_key_beside_the_old_one() -> None:
    """The Pod gets both: the new one where the key always is, the old one under its generation."""
    cluster, world = settled()
    world = cluster.settle(rotate(world, apiKeyGeneration=2))
    mounted = read_volumes(cluster)
    assert mounted["/etc/steward/keys/api"] == "desk-api-" + "c" * 32
    assert mounted["/etc/steward/keys/older/api/1"] == "desk-api-" + "a" * 32
    assert mounted["/etc/steward/keys/older/purge/1"] == "desk-purge-" + "a" * 32
    assert world.assistant.status.api_key_secret_name == "desk-api-" + "c" * 32
    assert list_anchors(cluster, "access") == ["desk-access-anchor-1", "desk-access-anchor-2"]


def test_the_old_key_goes_when_its_overlap_is_over() -> None:
    """First the Pod is told, then the anchor goes and the Secrets with it."""
    cluster, world = settled()
    world = cluster.settle(rotate(world, apiKeyGeneration=2))
    later = replace(world, now=world.now + timedelta(seconds=OVERLAP_SECONDS - 1))
    assert plan_assistant(later).requeue_seconds == 1
    assert plan_assistant(later).prune == ()
    over = replace(world, now=world.now + timedelta(seconds=OVERLAP_SECONDS))
    mark = len(cluster.writes)
    cluster.settle(over)
    written = cluster.writes[mark:]
    assert written.index("update Deployment desk") < written.index(
        "delete ConfigMap desk-access-anchor-1"
    )
    assert "desk-api-" + "a" * 32 not in cluster.secrets
    assert not [path for path in read_volumes(cluster) if "older" in path]


def test_an_overlap_of_nothing_takes_the_old_key_at_once() -> None:
    """A key that leaked shall not work any longer: one roll-out, and it is gone."""
    cluster, world = settled()
    cluster.settle(rotate(world, apiKeyGeneration=2, apiKeyOverlapSeconds=0))
    assert list_anchors(cluster, "access") == ["desk-access-anchor-2"]
    assert not [path for path in read_volumes(cluster) if "older" in path]


def test_keys_that_encrypt_are_not_touched_by_it() -> None:
    """A new API key leaves the anchor of the other keys alone."""
    cluster, world = settled()
    cluster.settle(rotate(world, apiKeyGeneration=2, apiKeyOverlapSeconds=0))
    assert list_anchors(cluster, "keys") == ["desk-keys-anchor-1"]


def test_a_lost_older_key_does_not_hold_up_the_pod() -> None:
    """Somebody has deleted the old Secret: the Pod would wait for it for ever."""
    cluster, world = settled()
    world = cluster.settle(rotate(world, apiKeyGeneration=2))
    cluster.secrets.discard("desk-api-" + "a" * 32)
    world = cluster.settle(world)
    assert "/etc/steward/keys/older/api/1" not in read_volumes(cluster)
    assert "/etc/steward/keys/older/purge/1" in read_volumes(cluster)


def test_a_secret_that_was_not_probed_yet_holds_back_the_pod() -> None:
    """After a restart of the operator nothing is taken away for want of knowledge."""
    cluster, world = settled()
    world = cluster.settle(rotate(world, apiKeyGeneration=2))
    unknown = {k: v for k, v in world.secrets_present.items() if k != "desk-api-" + "a" * 32}
    plan = plan_assistant(replace(world, secrets_present=unknown))
    assert "Deployment" not in {child["kind"] for child in plan.children}


def test_a_new_assistant_takes_up_a_higher_generation_than_it_asks_for() -> None:
    """Keys of a retained volume keep their generation, whatever a new spec says."""
    _, world = settled()
    anchor = replace(world.anchors[AnchorRole.KEYS], generation=7)
    plan = plan_assistant(make_world(anchors={AnchorRole.KEYS: anchor}))
    assert [planned.anchor.role for planned in plan.anchors_to_create] == [AnchorRole.ACCESS]


@given(
    steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 7_200)), min_size=1, max_size=6),
    overlap=st.sampled_from((0, 60, 3_600)),
)
def test_the_newest_key_always_works_and_no_older_one_beyond_its_overlap(
    steps: list[tuple[int, int]], overlap: int
) -> None:
    """Whatever generations are asked for and whenever: what is mounted is what may still work."""
    cluster, world = settled()
    generation, replaced_at = 1, {}
    for step, (rise, passed) in enumerate(steps):
        world = replace(world, now=world.now + timedelta(seconds=passed))
        replaced_at[generation] = world.now
        generation += rise
        fresh = {AnchorRole.ACCESS: f"{step:x}" * 32, AnchorRole.KEYS: "d" * 32}
        world = rotate(world, apiKeyGeneration=generation, apiKeyOverlapSeconds=overlap)
        world = cluster.settle(replace(world, entropy=fresh))
        mounted = read_volumes(cluster)
        assert mounted["/etc/steward/keys/api"].endswith(f"{step:x}" * 32)
        older = {int(path.rpartition("/")[2]) for path in mounted if "/older/api/" in path}
        working = {
            each for each, at in replaced_at.items() if (world.now - at).total_seconds() < overlap
        }
        assert older == working
        assert set(mounted.values()) <= cluster.secrets | {"model-credential"}


def test_planning_again_changes_nothing() -> None:
    """In the middle of an overlap a resync writes nothing."""
    cluster, world = settled()
    world = cluster.settle(rotate(world, apiKeyGeneration=2))
    plan: Plan = plan_assistant(world)
    assert (plan.anchors_to_create, plan.secrets_to_create, plan.prune) == ((), (), ())
    assert plan.status is None


@pytest.mark.parametrize("generation", [1, 2])
def test_a_generation_that_stands_is_not_made_again(generation: int) -> None:
    """The anchor's name holds the generation, so one is never made twice."""
    cluster, world = settled(apiKeyGeneration=generation)
    assert list_anchors(cluster, "access") == [f"desk-access-anchor-{generation}"]
    assert plan_assistant(world).anchors_to_create == ()
