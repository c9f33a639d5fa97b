"""Objects of odd shape, for comparing our offline judgement with a real API server's."""

from __future__ import annotations

from typing import Any, Final

from steward_kinds.objects import Manifest, build_object


def _with(kind: str, path: str, value: Any) -> Manifest:
    """Return a small object with one field, at a dotted path below the object, replaced."""
    manifest = build_object(kind)
    *parents, last = path.split(".")
    node = manifest
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    return manifest


def _without(kind: str, field: str) -> Manifest:
    manifest = build_object(kind)
    del manifest["spec"][field]
    return manifest


_NAMED: Final = {"name": "a"}

SHAPE_CASES: Final[dict[str, Manifest]] = {
    "required field missing": _without("Assistant", "owner"),
    "required reference missing": _without("Assistant", "promptRef"),
    "unknown field": _with("Assistant", "spec.ownr", "team"),
    "unknown field of metadata": _with("Prompt", "metadata.lables", {}),
    "unknown field beside spec": _with("Prompt", "specs", {}),
    "string for integer": _with("Assistant", "spec.limits.queuedTasks", "5"),
    "integer for string": _with("Assistant", "spec.owner", 5),
    "boolean for integer": _with("Assistant", "spec.limits.queuedTasks", True),
    "string for boolean": _with("Assistant", "spec.suspend", "true"),
    "fraction for integer": _with("Assistant", "spec.limits.queuedTasks", 1.5),
    "whole fraction for integer": _with("Assistant", "spec.limits.queuedTasks", 5.0),
    "map for list": _with("Assistant", "spec.modelRefs", _NAMED),
    "list for map": _with("Assistant", "spec.limits", []),
    "null with default": _with("Assistant", "spec.limits", None),
    "null without default": _with("Assistant", "spec.memoryPolicyRef", None),
    "null for required": _with("Assistant", "spec.owner", None),
    "null item": _with("Assistant", "spec.toolRefs", [None]),
    "empty string": _with("Assistant", "spec.owner", ""),
    "longest string": _with("Assistant", "spec.owner", "é" * 128),
    "too long string": _with("Assistant", "spec.owner", "é" * 129),
    "characters outside the basic plane": _with("Assistant", "spec.owner", "𝄞" * 128),
    "smallest number": _with("Assistant", "spec.limits.concurrentTasks", 1),
    "too small number": _with("Assistant", "spec.limits.concurrentTasks", 0),
    "largest number": _with("Assistant", "spec.limits.concurrentTasks", 1_000),
    "too large number": _with("Assistant", "spec.limits.concurrentTasks", 1_001),
    "huge number": _with("Assistant", "spec.limits.concurrentTasks", 2**70),
    "pattern kept": _with("Assistant", "spec.storage.size", "10Gi"),
    "pattern broken": _with("Assistant", "spec.storage.size", "10GB"),
    "pattern with line break": _with("Assistant", "spec.storage.size", "10Gi\n"),
    "value outside enumeration": _with("Model", "spec.toolCalling", "native"),
    "repeated key in list": _with("Assistant", "spec.toolRefs", [_NAMED, _NAMED]),
    "repeated value in set": _with("Model", "spec.abilities", ["Chat", "Chat"]),
    "empty list": _with("Assistant", "spec.modelRefs", []),
    "full list": _with("Assistant", "spec.modelRefs", [{"name": f"m{n}"} for n in range(8)]),
    "too many items": _with("Assistant", "spec.modelRefs", [{"name": f"m{n}"} for n in range(9)]),
    "free object": _with("Tool", "spec.inputSchema", {"any": [None, 1.5, {"deep": True}]}),
    "free object that is a list": _with("Tool", "spec.inputSchema", []),
    "name with upper case": _with("Prompt", "metadata.name", "Upper"),
    "label that is a number": _with("Prompt", "metadata.labels", {"a": 1}),
    "no name": _with("Prompt", "metadata", {}),
    "unknown field in a list": _with("Assistant", "spec.modelRefs", [{"name": "a", "nam": "b"}]),
}
"""What differs from a small valid object, to the object."""
