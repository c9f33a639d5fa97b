"""Rotation: a higher generation makes a new anchor; what it replaces stays as long as needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_api.blueprint import TrustedKey
from steward_operator.names import AnchorRole
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import Plan, RuntimeReport, World
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


OPERATOR = TrustedKey(key_id="0" * 16, public_key="A" * 43 + "=")


def report(world: World, generation: int | None, key: str = "K1", *earlier: str) -> RuntimeReport:
    """Return what a runtime says: how far its data keys are, and who signs."""
    digest = world.assistant.status.blueprint_digest or ""
    return RuntimeReport(
        digest,
        digest,
        key_generation=generation,
        public_key=key,
        predecessors=frozenset(earlier),
    )


def encrypted() -> tuple[Cluster, World]:
    """Return a cluster with data under the first generation, whose runtime has been asked."""
    cluster = Cluster()
    world = cluster.settle(make_world(operator_keys=(OPERATOR,)))
    world = cluster.settle(replace(world, runtime=report(world, 1)))
    assert world.assistant.status.runtime_key == "K1"
    return cluster, world


def claim_of(cluster: Cluster) -> dict[str, str]:
    """Return our annotations of the volume claim, by their last word."""
    found = cluster.objects["PersistentVolumeClaim", "desk-data"]["metadata"]["annotations"]
    return {name.partition("/")[2]: value for name, value in found.items()}


def condition(world: World, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition."""
    found = next(c for c in world.assistant.status.conditions if c.type == kind)
    return found.status.value, found.reason


def test_a_new_key_encryption_key_stands_beside_the_old_one() -> None:
    """Both are mounted, and the claim proves that both were made."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    mounted = read_volumes(cluster)
    assert mounted["/etc/steward/keys/encryption"] == "desk-encryption-" + "d" * 32
    assert mounted["/etc/steward/keys/older/encryption/1"] == "desk-encryption-" + "b" * 32
    assert mounted["/etc/steward/keys/older/signing/1"] == "desk-signing-" + "b" * 32
    claim = claim_of(cluster)
    assert claim["keys-anchor"] == "desk-keys-anchor-1"
    assert claim["next-keys-anchor"] == "desk-keys-anchor-2"
    assert condition(world, "KeysCurrent") == ("False", "RotationInProgress")


@pytest.mark.parametrize(
    ("generation", "key", "earlier"),
    [(None, "K2", ("K1",)), (1, "K1", ()), (2, "K2", ()), (2, "K2", ("K3",))],
    ids=["wrapping", "old-pod", "no-statement", "statement-of-another"],
)
def test_the_old_one_stays_until_nothing_needs_it(
    generation: int | None, key: str, earlier: tuple[str, ...]
) -> None:
    """While data keys are under it, and as long as its signing key has named nobody."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    world = cluster.settle(replace(world, runtime=report(world, generation, key, *earlier)))
    assert list_anchors(cluster, "keys") == ["desk-keys-anchor-1", "desk-keys-anchor-2"]
    assert "/etc/steward/keys/older/encryption/1" in read_volumes(cluster)
    assert world.assistant.status.runtime_key == ("K2" if "K1" in earlier else "K1")


def test_the_old_one_goes_when_the_runtime_says_that_it_may() -> None:
    """Claim and Pod are told first; then the anchor goes, and the Secrets with it."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    mark = len(cluster.writes)
    world = cluster.settle(replace(world, runtime=report(world, 2, "K2", "K1")))
    written = cluster.writes[mark:]
    end = written.index("delete ConfigMap desk-keys-anchor-1")
    assert written.index("update Deployment desk") < end
    assert written.index("update PersistentVolumeClaim desk-data") < end
    assert claim_of(cluster)["keys-anchor"] == "desk-keys-anchor-2"
    assert "next-keys-anchor" not in claim_of(cluster)
    assert not [path for path in read_volumes(cluster) if "older" in path]
    assert not [name for name in cluster.secrets if name.endswith("b" * 32)]
    assert world.assistant.status.runtime_key == "K2"
    assert condition(world, "KeysCurrent") == ("True", "Current")


def test_an_operator_that_dies_before_the_deletion_goes_on() -> None:
    """The claim remembers that the old keys are needed no more; the runtime is not asked again."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    plan = plan_assistant(replace(world, runtime=report(world, 2, "K2", "K1")))
    cluster.apply(world, replace(plan, prune=(), status=None))
    cluster.settle(replace(cluster.observe(world), runtime=None))
    assert list_anchors(cluster, "keys") == ["desk-keys-anchor-2"]


@pytest.mark.parametrize("entropy", ["b" * 32, "d" * 32], ids=["older", "newer"])
@pytest.mark.parametrize("role", ["encryption", "signing"])
def test_a_key_that_is_lost_meanwhile_is_said_and_never_made_anew(role: str, entropy: str) -> None:
    """Data may be under either of them."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    cluster.secrets.discard(f"desk-{role}-{entropy}")
    world = cluster.settle(world)
    assert condition(world, "Ready") == ("False", "KeyMissing")
    assert f"desk-{role}-{entropy}" not in cluster.secrets


def test_a_new_key_that_was_never_made_is_made() -> None:
    """An operator that ended between anchor and Secret goes on where it was."""
    cluster, world = encrypted()
    rotated = rotate(world, encryptionKeyGeneration=2)
    plan = plan_assistant(rotated)
    cluster.apply(rotated, replace(plan, secrets_to_create=(), children=(), status=None))
    world = cluster.settle(rotated)
    assert "desk-encryption-" + "d" * 32 in cluster.secrets
    assert condition(world, "Ready")[1] != "KeyMissing"


def test_two_changes_at_once_end_in_the_newest() -> None:
    """Asked for a third generation while the second is on its way: all three are mounted."""
    cluster, world = encrypted()
    world = cluster.settle(rotate(world, encryptionKeyGeneration=2))
    fresh = {AnchorRole.ACCESS: "e" * 32, AnchorRole.KEYS: "f" * 32}
    world = replace(rotate(world, encryptionKeyGeneration=3), entropy=fresh, runtime=None)
    world = cluster.settle(world)
    older = {path for path in read_volumes(cluster) if "/older/encryption/" in path}
    assert {path.rpartition("/")[2] for path in older} == {"1", "2"}
    cluster.settle(replace(world, runtime=report(world, 3, "K3", "K2", "K1")))
    assert list_anchors(cluster, "keys") == ["desk-keys-anchor-3"]


def test_a_foreign_signing_key_is_not_verified() -> None:
    """The pin stays, and the reason tells what to look at."""
    cluster, world = encrypted()
    world = cluster.settle(replace(world, runtime=report(world, 1, "K9")))
    assert condition(world, "RuntimeVerified") == ("False", "SigningKeyUnproven")
    assert world.assistant.status.runtime_key == "K1"
    world = cluster.settle(replace(world, runtime=report(world, 1, "K2", "K1")))
    assert condition(world, "RuntimeVerified") == ("True", "Verified")
    assert world.assistant.status.runtime_key == "K2"


def test_nothing_is_said_of_rotation_before_there_was_one() -> None:
    """A condition that everybody has at all times tells nothing."""
    _, world = encrypted()
    assert "KeysCurrent" not in {each.type for each in world.assistant.status.conditions}
