"""Which anchors and generated Secrets must be made, and whether a key was lost.

Keys of the API are made again when they are missing: whoever holds one asks for the new one. Keys
that encrypt and sign existing data never are. That data exists is told by the volume claim, which
is made after its keys and names their anchor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from steward_api.conditions import State, key_missing
from steward_operator import labels, names
from steward_operator.children.anchor import build_anchor, build_generated_secret
from steward_operator.names import AnchorRole, SecretRole
from steward_operator.plan.world import Anchor, GeneratedSecret, PlannedAnchor, World

FIRST_GENERATION: Final = 1


@dataclass(frozen=True, slots=True)
class SecretPlan:
    """What becomes of the anchors and generated Secrets of one Assistant."""

    anchors: Mapping[AnchorRole, Anchor]
    """Those that exist, and those that are being made."""
    anchors_to_create: tuple[PlannedAnchor, ...]
    secrets_to_create: tuple[GeneratedSecret, ...]
    names: Mapping[SecretRole, str]
    are_known: bool
    """True when each Secret is there or is being made now."""
    lost: State | None
    """Set when a key of existing data is gone: then nothing of the above is made."""


def plan_secrets(world: World) -> SecretPlan:
    """Plan anchors and Secrets."""
    anchors = {role: _resolve_anchor(world, role) for role in AnchorRole}
    secret_names = {role: _name(world, role, anchors) for role in SecretRole}
    lost = _find_lost_key(world, anchors, secret_names)
    new = [role for role in AnchorRole if role not in world.anchors]
    missing = [
        role
        for role in SecretRole
        if names.ANCHOR_OF_SECRET[role] in new
        or world.secrets_present.get(secret_names[role]) is False
    ]
    unknown = [
        role
        for role in SecretRole
        if role not in missing and secret_names[role] not in world.secrets_present
    ]
    return SecretPlan(
        anchors=anchors,
        anchors_to_create=() if lost else tuple(_plan_anchor(world, anchors[r]) for r in new),
        secrets_to_create=(
            ()
            if lost
            else tuple(
                _plan_secret(world, role, anchors[names.ANCHOR_OF_SECRET[role]]) for role in missing
            )
        ),
        names=secret_names,
        are_known=lost is None and not unknown,
        lost=lost,
    )


def _resolve_anchor(world: World, role: AnchorRole) -> Anchor:
    return world.anchors.get(role) or Anchor(role, FIRST_GENERATION, world.entropy[role])


def _name(world: World, role: SecretRole, anchors: Mapping[AnchorRole, Anchor]) -> str:
    anchor = anchors[names.ANCHOR_OF_SECRET[role]]
    return names.secret_name(world.assistant.metadata.name, role, anchor.entropy)


def _find_lost_key(
    world: World, anchors: Mapping[AnchorRole, Anchor], secret_names: Mapping[SecretRole, str]
) -> State | None:
    assistant = world.assistant.metadata.name
    claim = names.data_claim_name(assistant)
    used = _keys_anchor_in_use(world, claim)
    if used is None:
        return None
    anchor = anchors[AnchorRole.KEYS]
    current = names.anchor_name(assistant, AnchorRole.KEYS, anchor.generation)
    if AnchorRole.KEYS not in world.anchors or used != current:
        return key_missing(f"ConfigMap {used}", claim)
    for role in SecretRole:
        is_key = names.ANCHOR_OF_SECRET[role] is AnchorRole.KEYS
        if is_key and world.secrets_present.get(secret_names[role]) is False:
            return key_missing(f"Secret {secret_names[role]}", claim)
    return None


def _keys_anchor_in_use(world: World, claim: str) -> str | None:
    for child in world.children:
        metadata = child.get("metadata") or {}
        if child.get("kind") == "PersistentVolumeClaim" and metadata.get("name") == claim:
            return (metadata.get("annotations") or {}).get(labels.KEYS_ANCHOR)
    return None


def _plan_anchor(world: World, anchor: Anchor) -> PlannedAnchor:
    manifest = build_anchor(world.assistant, anchor.role, anchor.generation, anchor.entropy)
    return PlannedAnchor(anchor, manifest)


def _plan_secret(world: World, role: SecretRole, anchor: Anchor) -> GeneratedSecret:
    manifest = build_generated_secret(world.assistant, role, anchor.entropy)
    return GeneratedSecret(
        role=role,
        name=manifest["metadata"]["name"],
        anchor=anchor,
        manifest=manifest,
        keys=names.SECRET_KEYS[role],
    )
