"""Which generation of keys is made, which older ones stay for a while, and which may go.

An older API key goes on working for the declared overlap. Times are those of the anchors, which
the API server sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from steward_operator.names import AnchorRole
from steward_operator.plan.world import Anchor, World

FIRST_GENERATION: Final = 1


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


def plan_rotation(world: World, role: AnchorRole) -> Rotation:
    """Decide about all anchors of a role."""
    standing = _list_standing(world, role)
    wanted = resolve_generation(world, role)
    is_new = not standing or standing[-1].generation < wanted
    newest = Anchor(role, wanted, world.entropy[role]) if is_new else standing[-1]
    chain = (*standing, newest) if is_new else standing
    if role is AnchorRole.ACCESS:
        return _plan_access(world, chain, is_new=is_new)
    return Rotation(newest, is_new)


def resolve_generation(world: World, role: AnchorRole) -> int:
    """Return the generation that the spec asks for."""
    keys = world.assistant.spec.keys
    return keys.api_key_generation if role is AnchorRole.ACCESS else FIRST_GENERATION


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
