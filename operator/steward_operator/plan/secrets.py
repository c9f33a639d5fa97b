"""Which anchors and generated Secrets must be made, which may go, and whether a key was lost.

Keys of the API are made again when they are missing: whoever holds one asks for the new one. Keys
that encrypt and sign existing data never are. That data exists is told by the volume claim, which
is made after its keys and names their anchor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steward_api.conditions import State, key_missing
from steward_operator import labels, names
from steward_operator.children.anchor import build_anchor, build_generated_secret
from steward_operator.children.context import OlderSecret
from steward_operator.names import AnchorRole, SecretRole
from steward_operator.plan.rotation import Rotation, find_claim_annotation, plan_rotation
from steward_operator.plan.world import Anchor, GeneratedSecret, PlannedAnchor, World


@dataclass(frozen=True, slots=True)
class SecretPlan:
    """What becomes of the anchors and generated Secrets of one Assistant."""

    rotations: Mapping[AnchorRole, Rotation]
    anchors_to_create: tuple[PlannedAnchor, ...]
    secrets_to_create: tuple[GeneratedSecret, ...]
    names: Mapping[SecretRole, str]
    older: tuple[OlderSecret, ...]
    """Secrets of older generations that Pods still need."""
    are_known: bool
    """True when each Secret is there or is being made now."""
    lost: State | None
    """Set when a key of existing data is gone: then nothing of the above is made."""

    @property
    def surplus(self) -> frozenset[str]:
        """Uids of the anchors that may go once the Pods are told."""
        every = (anchor for each in self.rotations.values() for anchor in each.surplus)
        return frozenset(anchor.uid for anchor in every)

    @property
    def ends_in_seconds(self) -> int | None:
        """When an older generation may go; None where time does not tell."""
        ends = (each.ends_in_seconds for each in self.rotations.values())
        return min((end for end in ends if end is not None), default=None)


def plan_secrets(world: World) -> SecretPlan:
    """Plan anchors and Secrets."""
    rotations = {role: plan_rotation(world, role) for role in AnchorRole}
    newest = {role: rotations[names.ANCHOR_OF_SECRET[role]].newest for role in SecretRole}
    secret_names = {role: _name(world, role, anchor) for role, anchor in newest.items()}
    older = tuple(_list_older(world, rotations))
    lost = _find_lost_key(world)
    missing = [
        role
        for role in SecretRole
        if rotations[names.ANCHOR_OF_SECRET[role]].is_new
        or world.secrets_present.get(secret_names[role]) is False
    ]
    wanted = [secret_names[role] for role in SecretRole if role not in missing]
    unknown = {*wanted, *(each.name for each in older)} - world.secrets_present.keys()
    new = [each.newest for each in rotations.values() if each.is_new]
    return SecretPlan(
        rotations=rotations,
        anchors_to_create=() if lost else tuple(_plan_anchor(world, anchor) for anchor in new),
        secrets_to_create=(
            () if lost else tuple(_plan_secret(world, role, newest[role]) for role in missing)
        ),
        names=secret_names,
        older=older,
        are_known=lost is None and not unknown,
        lost=lost,
    )


def _name(world: World, role: SecretRole, anchor: Anchor) -> str:
    return names.secret_name(world.assistant.metadata.name, role, anchor.entropy)


def _list_older(world: World, rotations: Mapping[AnchorRole, Rotation]) -> Iterator[OlderSecret]:
    """Yield the Secrets of older generations; a Pod would wait for one that is gone."""
    for role, anchor_role in names.ANCHOR_OF_SECRET.items():
        for anchor in rotations[anchor_role].older:
            name = _name(world, role, anchor)
            if world.secrets_present.get(name) is not False:
                yield OlderSecret(role, anchor.generation, name)


def _find_lost_key(world: World) -> State | None:
    """Look for the keys that the volume claim proves to have been made."""
    assistant = world.assistant.metadata.name
    claim = names.data_claim_name(assistant)
    standing = {
        names.anchor_name(assistant, anchor.role, anchor.generation): anchor
        for anchor in (*world.older_anchors, *world.anchors.values())
    }
    for annotation in (labels.KEYS_ANCHOR, labels.NEXT_KEYS_ANCHOR):
        used = find_claim_annotation(world, annotation)
        if used is None:
            continue
        if used not in standing:
            return key_missing(f"ConfigMap {used}", claim)
        for role in SecretRole:
            name = _name(world, role, standing[used])
            is_key = names.ANCHOR_OF_SECRET[role] is AnchorRole.KEYS
            if is_key and world.secrets_present.get(name) is False:
                return key_missing(f"Secret {name}", claim)
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
        keys=names.secret_keys(role, anchor.generation),
    )
