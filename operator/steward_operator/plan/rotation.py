"""Which generation of keys is made, which older ones stay for a while, and which may go.

An older API key goes on working for the declared overlap. Times are those of the anchors, which
the API server sets. An older key-encryption key stays until the runtime has said that it wraps
nothing any more, and that the signing key which goes with it has named its successor. From then on
the volume claim names the newer anchor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from steward_operator import labels
from steward_operator.names import AnchorRole, data_claim_name, parse_anchor_generation
from steward_operator.plan.world import Anchor, World


@dataclass(frozen=True, slots=True)
class Rotation:
    """The anchors of one role, by what becomes of them."""

    newest: Anchor
    is_new: bool
    """The newest one has to be made."""
    older: tuple[Anchor, ...] = ()
    """Those whose Secrets are still needed, the oldest first."""
    surplus: tuple[Anchor, ...] = ()
    """Those that may go, and their Secrets with them."""
    ends_in_seconds: int | None = None
    """When the next older one may go; None where time does not tell."""
    in_use: Anchor | None = None
    """The oldest one that existing data needs, where that is not the newest."""


def plan_rotation(world: World, role: AnchorRole) -> Rotation:
    """Decide about all anchors of a role."""
    standing = _list_standing(world, role)
    wanted = resolve_generation(world, role)
    is_new = not standing or standing[-1].generation < wanted
    newest = Anchor(role, wanted, world.entropy[role]) if is_new else standing[-1]
    chain = (*standing, newest) if is_new else standing
    if role is AnchorRole.ACCESS:
        return _plan_access(world, chain, is_new=is_new)
    return _plan_keys(world, chain, is_new=is_new)


def resolve_generation(world: World, role: AnchorRole) -> int:
    """Return the generation that the spec asks for."""
    keys = world.assistant.spec.keys
    if role is AnchorRole.ACCESS:
        return keys.api_key_generation
    return keys.encryption_key_generation


def find_generation_in_use(world: World, annotation: str = labels.KEYS_ANCHOR) -> int | None:
    """Return the generation that the volume claim names; None without a claim or such a name."""
    assistant = world.assistant.metadata.name
    name = find_claim_annotation(world, annotation)
    return None if name is None else parse_anchor_generation(assistant, AnchorRole.KEYS, name)


def find_claim_annotation(world: World, annotation: str) -> str | None:
    """Return an annotation of the volume claim, or None."""
    claim = data_claim_name(world.assistant.metadata.name)
    for child in world.children:
        metadata = child.get("metadata") or {}
        if child.get("kind") == "PersistentVolumeClaim" and metadata.get("name") == claim:
            return (metadata.get("annotations") or {}).get(annotation)
    return None


def is_key_proven(world: World) -> bool:
    """Say whether the runtime signs by the pinned key, or by one that follows from it."""
    report, pinned = world.runtime, world.assistant.status.runtime_key
    if report is None or report.public_key is None:
        return False
    return pinned is None or pinned == report.public_key or pinned in report.predecessors


def _list_standing(world: World, role: AnchorRole) -> tuple[Anchor, ...]:
    """Return the anchors of a role that exist, by generation."""
    newest = world.anchors.get(role)
    older = (anchor for anchor in world.older_anchors if anchor.role is role)
    found = (*older, newest) if newest else tuple(older)
    return tuple(sorted(found, key=lambda anchor: anchor.generation))


def _plan_access(world: World, chain: Sequence[Anchor], *, is_new: bool) -> Rotation:
    overlap = timedelta(seconds=world.assistant.spec.keys.api_key_overlap_seconds)
    older, surplus, remaining = [], [], []
    for anchor, successor in pairwise(chain):
        # One that is being made begins its overlap now.
        replaced_at = successor.created_at or world.now
        left = (replaced_at + overlap - world.now).total_seconds()
        if left > 0:
            older.append(anchor)
            remaining.append(math.ceil(left))
        else:
            surplus.append(anchor)
    return Rotation(chain[-1], is_new, tuple(older), tuple(surplus), min(remaining, default=None))


def _plan_keys(world: World, chain: Sequence[Anchor], *, is_new: bool) -> Rotation:
    newest, used = chain[-1], find_generation_in_use(world)
    if used is None or used == newest.generation:
        # No data, or all of it under the newest: what is older than the data's keys may go.
        surplus = () if used is None else tuple(chain[:-1])
        return Rotation(newest, is_new, surplus=surplus)
    is_settled = (
        not is_new
        and world.runtime is not None
        and world.runtime.key_generation == newest.generation
        and is_key_proven(world)
    )
    if is_settled:
        return Rotation(newest, is_new, surplus=tuple(chain[:-1]))
    older = tuple(anchor for anchor in chain[:-1] if anchor.generation >= used)
    surplus = tuple(anchor for anchor in chain[:-1] if anchor.generation < used)
    return Rotation(newest, is_new, older, surplus, in_use=older[0] if older else None)
