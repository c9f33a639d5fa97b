"""Children that nobody owns any more but the anchor of their keys.

Under Erase that anchor is their second owner until the erasure ends. Where somebody took our
finalizer away by hand, the Assistant is gone, nothing proves anything any more, and what it
declared still holds: its data goes.
"""

from __future__ import annotations

from collections.abc import Collection

from steward_operator.children.anchor import is_keys_anchor
from steward_operator.objects import Manifest, key_of
from steward_operator.plan.world import Plan


def plan_orphans(children: Collection[Manifest]) -> Plan:
    """Plan the end of what an Assistant that is gone left behind.

    Only anchors that a child beside their Secrets names as its owner go: under Retain none does.
    The garbage collector takes children, volume and keys with them.
    """
    owners = {
        owner.get("uid")
        for child in children
        if child.get("kind") != "Secret"
        for owner in (child.get("metadata") or {}).get("ownerReferences") or ()
    }
    return Plan(
        prune=tuple(
            sorted(
                key_of(child)
                for child in children
                if is_keys_anchor(child)
                and child["metadata"].get("uid") in owners
                and not child["metadata"].get("deletionTimestamp")
            )
        )
    )
