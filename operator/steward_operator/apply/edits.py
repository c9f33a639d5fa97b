"""What must be edited before server-side apply can take a field away (pure).

Apply removes a field only if its manager owned it by an earlier apply. A child that we created by
POST is owned by the same manager through `Update`, so that entry is turned into an `Apply` entry
first. Keys that somebody else added to a map which we own whole are removed one by one.
"""

from __future__ import annotations

from typing import Final

from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest

OWNED_WHOLE: Final = ("data", "binaryData")
"""Maps of a ConfigMap that apply merges by key, and of which we own every key."""


def build_edits(desired: Manifest, observed: Manifest, *, is_new_wish: bool) -> list[Manifest]:
    """Return the JSON Patch operations to send before the apply, often none.

    Args:
        desired: What we want.
        observed: The whole object as read, with managedFields where `is_new_wish`.
        is_new_wish: True where the child was last written for another wish, so that fields may
            have to go.
    """
    edits = _build_ownership(observed) if is_new_wish else []
    for name in OWNED_WHOLE:
        if name in desired:
            extra = sorted(set(observed.get(name) or {}) - set(desired[name]))
            edits += [{"op": "remove", "path": f"/{name}/{_escape(key)}"} for key in extra]
    return edits


def _build_ownership(observed: Manifest) -> list[Manifest]:
    entries = observed["metadata"].get("managedFields") or []
    ours = [
        index
        for index, entry in enumerate(entries)
        if entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
    ]
    operations = {entries[index].get("operation") for index in ours}
    if "Update" not in operations:
        return []
    if "Apply" in operations:
        # Edits of ours made another entry; what it owns goes, the applied entry stays.
        stale = [i for i in ours if entries[i].get("operation") == "Update"]
        return [{"op": "remove", "path": f"/metadata/managedFields/{i}"} for i in reversed(stale)]
    path = f"/metadata/managedFields/{ours[0]}/operation"
    return [{"op": "replace", "path": path, "value": "Apply"}]


def _escape(key: str) -> str:
    """Escape a key for a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
