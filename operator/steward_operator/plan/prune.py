"""Which observed children go: ours by label and owner, and no longer planned."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from steward_operator import labels
from steward_operator.names import Component
from steward_operator.objects import Manifest, ObjectKey, key_of
from steward_operator.plan.world import World

PRUNED_KINDS: Final = frozenset(
    {"ConfigMap", "CronJob", "Deployment", "NetworkPolicy", "Service", "ServiceAccount"}
)
"""Kinds that may be deleted. Volumes and Secrets never are: the garbage collector has them."""


def plan_prune(
    world: World, planned: Iterable[Manifest], *, kept_kinds: Collection[str] = ()
) -> tuple[ObjectKey, ...]:
    """Return the keys of children that must go, sorted.

    Children of `kept_kinds` stay although they are not planned. A ConfigMap of an older Blueprint
    stays as long as a ReplicaSet, Job or Pod names it.
    """
    wanted = {(key.kind, key.name) for key in map(key_of, planned)}
    return tuple(
        sorted(
            key_of(child)
            for child in world.children
            if child.get("kind") not in kept_kinds
            and _is_ours(child, world)
            and not _is_wanted(child, wanted, world)
        )
    )


def plan_anchor_prune(world: World, uids: Collection[str]) -> tuple[ObjectKey, ...]:
    """Return the keys of anchors that may go, sorted; their Secrets go with them."""
    return tuple(
        sorted(
            key_of(child)
            for child in world.children
            if child.get("kind") == "ConfigMap" and child["metadata"].get("uid") in uids
        )
    )


def is_owned_by(child: Manifest, uid: str) -> bool:
    """Say whether an object is controlled by the Assistant with `uid`."""
    owners = (child.get("metadata") or {}).get("ownerReferences") or []
    return any(owner.get("uid") == uid and owner.get("controller") is True for owner in owners)


def _is_ours(child: Manifest, world: World) -> bool:
    metadata = child.get("metadata") or {}
    found = metadata.get("labels") or {}
    assistant = world.assistant.metadata
    return (
        child.get("kind") in PRUNED_KINDS
        and metadata.get("namespace") == assistant.namespace
        and found.get(labels.MANAGED_BY) == labels.MANAGED_BY_VALUE
        and found.get(labels.ASSISTANT) == assistant.name
        and found.get(labels.COMPONENT) != Component.ANCHOR.value
        and bool(assistant.uid)
        and is_owned_by(child, assistant.uid)
        and not metadata.get("deletionTimestamp")
    )


def _is_wanted(child: Manifest, wanted: Collection[tuple[str, str]], world: World) -> bool:
    key = key_of(child)
    is_in_use = key.kind == "ConfigMap" and key.name in world.blueprints_in_use
    return is_in_use or (key.kind, key.name) in wanted
