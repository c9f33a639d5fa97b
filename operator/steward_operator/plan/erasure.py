"""`deletionPolicy: Erase`: the one finalizer of ours, and what a deleted Assistant waits for.

The running runtime erases, and its receipt is archived and co-signed; then the keys and the volume
go, and the finalizer. Where nobody can prove it in time, the deletion goes on all the same and is
recorded as unproven in the operator's namespace, since nothing can be made in a terminating one.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

from steward_api.conditions import erasing
from steward_api.v1alpha1.assistant import DeletionPolicy
from steward_operator import labels, names
from steward_operator.children.anchor import is_keys_anchor
from steward_operator.objects import Manifest, ObjectKey, key_of
from steward_operator.plan.own_status import render_status, settle
from steward_operator.plan.world import FinalizerEdit, Plan, World

LOOK_SECONDS: Final = 600
"""A deleted Assistant is looked at this often, besides when its erasure moves."""


def plan_finalizer(world: World, *, is_served: bool) -> FinalizerEdit | None:
    """Say whether our finalizer must come or go, on an Assistant that stays."""
    metadata, spec = world.assistant.metadata, world.assistant.spec
    has_it = names.ERASURE_FINALIZER in metadata.finalizers
    if spec.deletion_policy is DeletionPolicy.ERASE:
        return FinalizerEdit.ADD if is_served and not has_it else None
    return FinalizerEdit.REMOVE if has_it else None


def plan_deletion(world: World) -> Plan:
    """Plan one step of the way out of a deleted Assistant."""
    if names.ERASURE_FINALIZER not in world.assistant.metadata.finalizers:
        # Retain: the garbage collector removes what the Assistant owns, the rest stays.
        return Plan()
    obstacle = _find_obstacle(world)
    remaining = _resolve_remaining_seconds(world)
    if obstacle is None:
        return _release(world, None)
    if remaining <= 0 or not _has_child(world, "Deployment"):
        return _release(world, _build_record(world, obstacle))
    return Plan(
        is_erasing=True,
        status=_plan_status(world),
        requeue_seconds=max(1, min(remaining, LOOK_SECONDS)),
    )


def _plan_status(world: World) -> Manifest | None:
    """Say in the status what the deletion waits for; everything else in it stays."""
    assistant = world.assistant
    waits = erasing(assistant.spec.erasure_deadline_seconds)
    (ready,) = settle(assistant.metadata, assistant.status, (waits,), world.now)
    others = tuple(c for c in assistant.status.conditions if c.type != ready.type)
    conditions = tuple(sorted((*others, ready), key=lambda condition: condition.type))
    before = render_status(assistant.status)
    after = render_status(assistant.status.model_copy(update={"conditions": conditions}))
    return None if after == before else after


def _find_obstacle(world: World) -> str | None:
    """Return why the erasure is not proven, or None if it is, or nothing was ever stored."""
    if world.erasure is not None and world.erasure.is_proven:
        return None
    if not _was_served(world):
        return None
    if not _has_child(world, "Deployment"):
        return "NoRuntime"
    return "NotAsked" if world.erasure is None else world.erasure.reason


def _was_served(world: World) -> bool:
    """Say whether data may ever have been stored.

    A volume that is gone proves nothing: in a terminating namespace it may go first.
    """
    kinds = {child.get("kind") for child in world.children}
    has_status = world.assistant.status.blueprint_digest is not None
    return has_status or bool(kinds & {"Deployment", "PersistentVolumeClaim"})


def _release(world: World, record: Manifest | None) -> Plan:
    """Let go: keys and volume first, so that what is left cannot be read."""
    return Plan(
        prune=tuple(sorted(_keys_and_volume(world))),
        records=() if record is None else (record,),
        finalizer=FinalizerEdit.REMOVE,
    )


def _keys_and_volume(world: World) -> list[ObjectKey]:
    name = world.assistant.metadata.name
    claim = names.data_claim_name(name)
    found = []
    for child in world.children:
        metadata = child.get("metadata") or {}
        is_claim = child.get("kind") == "PersistentVolumeClaim" and metadata.get("name") == claim
        is_ours = (metadata.get("labels") or {}).get(labels.ASSISTANT) == name
        if (
            is_ours
            and (is_claim or is_keys_anchor(child))
            and not metadata.get("deletionTimestamp")
        ):
            found.append(key_of(child))
    return found


def _has_child(world: World, kind: str) -> bool:
    return any(
        child.get("kind") == kind and not (child.get("metadata") or {}).get("deletionTimestamp")
        for child in world.children
    )


def _resolve_remaining_seconds(world: World) -> int:
    text = world.assistant.metadata.deletion_timestamp or ""
    try:
        since = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        since = world.now
    passed = int((world.now - since).total_seconds())
    return world.assistant.spec.erasure_deadline_seconds - passed


def _build_record(world: World, obstacle: str) -> Manifest:
    """Build the ConfigMap that says whose erasure is unproven, and why."""
    metadata = world.assistant.metadata
    digest = hashlib.sha256(metadata.uid.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.unproven_erasure_name(metadata.name, digest),
            "namespace": world.settings.operator_namespace,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_VALUE},
        },
        "immutable": True,
        "data": {
            "namespace": metadata.namespace,
            "assistant": metadata.name,
            "uid": metadata.uid,
            "deletedAt": metadata.deletion_timestamp or "",
            "erasureDeadlineSeconds": str(world.assistant.spec.erasure_deadline_seconds),
            "reason": obstacle,
        },
    }
