"""Decides whether an observed object already holds what we want of it (pure).

Only what we name is compared, so that defaults of the API server and fields of other managers
never count. Quantities are equal by value (`1000m` is `1`). Lists of named items are compared by
name. What our own field manager once set and no longer wants counts as a difference too, which
`metadata.managedFields` tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest

Path = tuple[str, ...]

_QUANTITY: Final = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
_DECIMAL_STEPS: Final = ("", "k", "M", "G", "T", "P", "E")
_BINARY_STEPS: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_SCALE: Final = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000**step) for step, suffix in enumerate(_DECIMAL_STEPS)},
    **{suffix: Decimal(1024**step) for step, suffix in enumerate(_BINARY_STEPS)},
}
"""Suffixes of Kubernetes quantities (apimachinery, resource.Quantity)."""
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit"})
_QUANTITY_MAPS: Final = frozenset({"requests", "limits"})
_ATOMIC_FIELDS: Final = frozenset({"ingress", "egress", "selector", "podSelector", "policyTypes"})
"""Fields that the API server replaces whole, and that it fills with no defaults beyond ours: they
must be equal, so that a port range or a peer that somebody added shows."""
_LIST_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "ownerReferences": ("uid",),
}
"""Lists that Kubernetes' schemas merge by key."""
_PORT_KEYS: Final = (("containerPort", "protocol"), ("port", "protocol"))
_CLOSED_MAPS: Final = frozenset(
    {"annotations", "labels", "data", "binaryData", "requests", "limits"}
)
"""Maps into which the API server puts no defaults: a key of ours that we no longer want shows."""


def has_drifted(desired: Manifest, observed: Manifest) -> bool:
    """Say whether `observed` lacks, contradicts or still holds what `desired` says otherwise."""
    return bool(find_differences(desired, observed))


def find_differences(desired: Manifest, observed: Manifest) -> tuple[str, ...]:
    """Return the dotted paths that differ, sorted; empty when nothing has to be written."""
    found = {".".join(path) for path in _differences(desired, observed, ())}
    found |= {".".join(path) for path in _left_over(desired, observed)}
    return tuple(sorted(found))


def build_ownership_patch(observed: Manifest) -> list[Manifest] | None:
    """Build the JSON patch that server-side apply needs once after a create by POST.

    A POST leaves our fields to `steward-operator` as *Update*; a later apply owns them as *Apply*
    beside it, so that what it no longer names would stay for ever. The patch turns the first
    entry into an Apply entry; the resourceVersion in it guards against a race. None when there is
    nothing to turn.
    """
    metadata = observed.get("metadata") or {}
    entries = metadata.get("managedFields") or []
    if not any(_is_from_create(entry) for entry in entries):
        return None
    kept = [entry for entry in entries if not _is_ours(entry)]
    ours = [entry for entry in entries if _is_ours(entry)]
    merged: Manifest = {}
    for entry in ours:
        merged = _merge_fields(merged, entry.get("fieldsV1") or {})
    turned = {**ours[0], "operation": "Apply", "fieldsV1": merged}
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, turned]},
    ]


def parse_quantity(text: Any) -> Decimal | None:
    """Return the value of a Kubernetes quantity, or None where it is not one."""
    match = _QUANTITY.match(str(text))
    return Decimal(match[1]) * _SCALE[match[2] or ""] if match else None


def _differences(desired: Any, observed: Any, path: Path) -> Iterator[Path]:
    name = path[-1] if path else ""
    if desired is None:
        return
    if name in _ATOMIC_FIELDS:
        if (desired or None) != (observed or None):
            yield path
    elif isinstance(desired, dict):
        yield from _differences_of_maps(desired, observed, path)
    elif isinstance(desired, list | tuple):
        yield from _differences_of_lists(list(desired), observed, path)
    elif not _is_same_value(desired, observed, path):
        yield path


def _differences_of_maps(desired: Manifest, observed: Any, path: Path) -> Iterator[Path]:
    if not isinstance(observed, dict):
        yield path
        return
    for key, value in desired.items():
        yield from _differences(value, observed.get(key), (*path, key))


def _differences_of_lists(desired: list[Any], observed: Any, path: Path) -> Iterator[Path]:
    present = observed if isinstance(observed, list) else []
    keys = _keys_of(path[-1] if path else "", desired)
    if keys is None:
        if len(desired) != len(present):
            yield path
            return
        for index, value in enumerate(desired):
            yield from _differences(value, present[index], (*path, str(index)))
        return
    by_key = {_key_of(item, keys): item for item in present if isinstance(item, dict)}
    for item in desired:
        key = _key_of(item, keys)
        yield from _differences(item, by_key.get(key), (*path, "/".join(key)))


def _is_same_value(desired: Any, observed: Any, path: Path) -> bool:
    if desired == observed and isinstance(desired, bool) == isinstance(observed, bool):
        return True
    is_quantity = path[-1:] and (
        path[-1] in _QUANTITY_FIELDS or (len(path) > 1 and path[-2] in _QUANTITY_MAPS)
    )
    if not is_quantity:
        return False
    wanted = parse_quantity(desired)
    return wanted is not None and wanted == parse_quantity(observed)


def _keys_of(name: str, items: list[Any]) -> tuple[str, ...] | None:
    if name in _LIST_KEYS:
        return _LIST_KEYS[name]
    if name == "ports":
        return next((keys for keys in _PORT_KEYS if items and keys[0] in items[0]), None)
    return None


def _key_of(item: Manifest, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(item.get(key, "")) for key in keys)


def _left_over(desired: Manifest, observed: Manifest) -> Iterator[Path]:
    entries = (observed.get("metadata") or {}).get("managedFields") or []
    for entry in entries:
        if _is_ours(entry):
            yield from _left_over_below(entry.get("fieldsV1") or {}, desired, ())


def _left_over_below(fields: Manifest, desired: Any, path: Path) -> Iterator[Path]:
    """Walk what we own beside what we want; yield list items and map keys that we want no more."""
    name = path[-1] if path else ""
    for field, below in fields.items():
        kind, _, text = field.partition(":")
        if kind == "f" and isinstance(desired, dict):
            if text in desired:
                yield from _left_over_below(below, desired[text], (*path, text))
            elif name in _CLOSED_MAPS or text in _CLOSED_MAPS | set(_LIST_KEYS):
                yield (*path, text)
        elif kind == "k" and isinstance(desired, list | tuple):
            key = json.loads(text)
            item = next((item for item in desired if _matches(item, key)), None)
            if item is None:
                yield (*path, "/".join(str(value) for value in key.values()))
            else:
                yield from _left_over_below(below, item, (*path, str(next(iter(key.values())))))


def _matches(item: Any, key: Manifest) -> bool:
    return isinstance(item, dict) and all(
        str(item.get(name, "")) == str(value) for name, value in key.items()
    )


def _is_ours(entry: Manifest) -> bool:
    return entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")


def _is_from_create(entry: Manifest) -> bool:
    return _is_ours(entry) and entry.get("operation") == "Update"


def _merge_fields(first: Manifest, second: Manifest) -> Manifest:
    merged = dict(first)
    for key, value in second.items():
        both_are_maps = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merge_fields(merged[key], value) if both_are_maps else value
    return merged
