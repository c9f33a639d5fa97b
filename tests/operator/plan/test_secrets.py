"""plan_secrets: anchors and generated Secrets, and keys that must never be made anew."""

from __future__ import annotations

from dataclasses import replace

from steward_operator.names import AnchorRole, SecretRole
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import Anchor, Plan
from steward_plans.cluster import Cluster
from steward_plans.objects import ENTROPY, make_world


def reason_of_ready(plan: Plan) -> str:
    """Return the planned reason of Ready."""
    assert plan.status is not None
    found = {entry["type"]: entry for entry in plan.status["conditions"]}
    return str(found["Ready"]["reason"])


def test_names_hold_the_entropy_of_the_anchor() -> None:
    """Nobody can know the name of a Secret before its anchor exists."""
    plan = plan_assistant(make_world())
    names = {secret.role: secret.name for secret in plan.secrets_to_create}
    assert names[SecretRole.API] == "desk-api-" + ENTROPY[AnchorRole.ACCESS]
    assert names[SecretRole.ENCRYPTION] == "desk-encryption-" + ENTROPY[AnchorRole.KEYS]


def test_keys_outlive_the_assistant_and_access_does_not() -> None:
    """The anchor of keys has no owner and no instance label; the anchor of access has both."""
    access, keys = (
        planned.manifest["metadata"] for planned in plan_assistant(make_world()).anchors_to_create
    )
    assert access["ownerReferences"][0]["kind"] == "Assistant"
    assert "app.kubernetes.io/instance" in access["labels"]
    assert "ownerReferences" not in keys
    assert "app.kubernetes.io/instance" not in keys["labels"]


def test_a_planned_secret_has_no_content() -> None:
    """The plan knows which keys to fill and never with what."""
    for secret in plan_assistant(make_world()).secrets_to_create:
        assert "data" not in secret.manifest
        assert "stringData" not in secret.manifest
        assert secret.manifest["immutable"] is True
        assert secret.keys


def test_what_needs_secrets_waits_until_they_are_known() -> None:
    """Anchors that nobody probed yet: everything but volume and Deployment is planned."""
    anchors = {role: Anchor(role, 1, ENTROPY[role]) for role in AnchorRole}
    plan = plan_assistant(make_world(anchors=anchors))
    kinds = {child["kind"] for child in plan.children}
    assert kinds & {"Deployment", "PersistentVolumeClaim"} == set()
    assert "Service" in kinds
    assert plan.secrets_to_create == ()


def test_a_missing_api_key_is_made_again_under_its_name() -> None:
    """Access can be given anew at any time."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    name = next(secret for secret in cluster.secrets if secret.startswith("desk-api-"))
    missing = replace(world, secrets_present={**world.secrets_present, name: False})
    plan = plan_assistant(missing)
    assert [secret.name for secret in plan.secrets_to_create] == [name]
    assert plan.anchors_to_create == ()
    assert plan.status is None


def test_a_key_that_was_never_made_is_made() -> None:
    """An operator that ended between anchor and Secret goes on where it was."""
    anchors = {role: Anchor(role, 1, ENTROPY[role]) for role in AnchorRole}
    name = "desk-encryption-" + ENTROPY[AnchorRole.KEYS]
    world = make_world(anchors=anchors, secrets_present={name: False})
    assert name in [secret.name for secret in plan_assistant(world).secrets_to_create]


def test_a_lost_key_of_existing_data_is_never_made_anew() -> None:
    """Ready=False KeyMissing; the running Pod, which may hold the last copy, is left alone."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    for role in ("encryption", "signing"):
        name = next(secret for secret in cluster.secrets if secret.startswith(f"desk-{role}-"))
        plan = plan_assistant(
            replace(world, secrets_present={**world.secrets_present, name: False})
        )
        assert reason_of_ready(plan) == "KeyMissing"
        assert (plan.secrets_to_create, plan.anchors_to_create, plan.prune) == ((), (), ())
        assert "Deployment" not in {child["kind"] for child in plan.children}
        assert "NetworkPolicy" in {child["kind"] for child in plan.children}


def test_a_lost_anchor_of_existing_data_is_never_made_anew() -> None:
    """Without its anchor the garbage collector removes the keys, so that is a loss too."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    kept = {AnchorRole.ACCESS: world.anchors[AnchorRole.ACCESS]}
    children = tuple(
        child for child in world.children if child["metadata"]["name"] != "desk-keys-anchor-1"
    )
    plan = plan_assistant(replace(world, anchors=kept, children=children))
    assert reason_of_ready(plan) == "KeyMissing"
    assert plan.anchors_to_create == ()


def test_a_lost_key_without_data_is_made_anew() -> None:
    """Who deletes the volume claim says that the data may go."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    name = next(secret for secret in cluster.secrets if secret.startswith("desk-encryption-"))
    children = tuple(c for c in world.children if c["kind"] != "PersistentVolumeClaim")
    present = {**world.secrets_present, name: False}
    plan = plan_assistant(replace(world, secrets_present=present, children=children))
    assert [secret.name for secret in plan.secrets_to_create] == [name]


def test_a_new_assistant_adopts_the_keys_of_the_old_one() -> None:
    """Under Retain a re-created Assistant finds volume and keys again."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    kept = tuple(c for c in world.children if not c["metadata"].get("ownerReferences"))
    anchors = {AnchorRole.KEYS: world.anchors[AnchorRole.KEYS]}
    fresh = make_world(
        children=kept, anchors=anchors, secrets_present=dict.fromkeys(cluster.secrets, True)
    )
    plan = plan_assistant(fresh)
    assert [planned.anchor.role for planned in plan.anchors_to_create] == [AnchorRole.ACCESS]
    assert [secret.role for secret in plan.secrets_to_create] == [SecretRole.API, SecretRole.PURGE]
