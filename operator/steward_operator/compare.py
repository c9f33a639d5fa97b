"""Decides whether an observed object already holds what we want of it (pure).

Only what we name is compared, so that defaults of the API server and fields of other managers
never count. Quantities are equal by value (`1000m` is `1`). Lists of named items are compared by
name. A field that we wanted once and want no more does not show here: the digest that `apply`
marks on each child tells that it was made for another wish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

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
_WHOLE_MAPS: Final = frozenset({("data",), ("binaryData",)})
"""Maps of a ConfigMap of which we own every key: one that somebody added is a difference."""


def has_drifted(desired: Manifest, observed: Manifest) -> bool:
    """Say whether `observed` lacks or contradicts anything that `desired` says."""
    return next(_differences(desired, observed, ()), None) is not None


def find_differences(desired: Manifest, observed: Manifest) -> tuple[str, ...]:
    """Return the dotted paths that differ, sorted; empty when nothing has to be written."""
    return tuple(sorted(".".join(path) for path in _differences(desired, observed, ())))


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
    if path in _WHOLE_MAPS:
        yield from ((*path, key) for key in sorted(set(observed) - set(desired)))


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
