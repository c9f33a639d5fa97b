"""Which field of which kind names which other kind (pure).

Read by `steward validate`, by the reference pages and by the house test that keeps the graph of
kinds free of cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from steward_api.meta import REFERS_TO, Kind
from steward_api.schema import Schema, build_marked_schema

Step = str | int
_LIST: Final = "[]"


@dataclass(frozen=True, slots=True)
class ReferenceField:
    """One field that names other objects.

    Attributes:
        path: names from `spec` to the reference; `[]` stands for every item of a list.
        kind: kind of the object that it names.
    """

    path: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Reference:
    """One name that an object gives, and where: `at` leads to the `name` itself."""

    at: tuple[Step, ...]
    kind: str
    name: str


@lru_cache(maxsize=32)
def gather_reference_fields(kind: type[Kind]) -> tuple[ReferenceField, ...]:
    """Return every reference that a kind's spec can hold, in the order of its fields."""
    spec = build_marked_schema(kind)["properties"]["spec"]
    return tuple(_walk_fields(spec, ("spec",)))


def gather_references(kind: type[Kind], document: Any) -> tuple[Reference, ...]:
    """Return every name that `document`, an object of `kind`, gives to another object.

    What is not shaped as the kind's schema says is passed over: the schema check reports it.
    """
    return tuple(
        Reference(at, field.kind, name)
        for field in gather_reference_fields(kind)
        for at, name in _walk_values(document, field.path, ())
    )


def _walk_fields(node: Schema, path: tuple[str, ...]) -> Iterator[ReferenceField]:
    if REFERS_TO in node:
        is_list = node["type"] == "array"
        yield ReferenceField((*path, _LIST) if is_list else path, node[REFERS_TO])
        return
    for name, child in node.get("properties", {}).items():
        yield from _walk_fields(child, (*path, name))
    if "items" in node:
        yield from _walk_fields(node["items"], (*path, _LIST))


def _walk_values(
    value: Any, path: tuple[str, ...], at: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], str]]:
    if not path:
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(name, str):
            yield (*at, "name"), name
        return
    step, rest = path[0], path[1:]
    if step == _LIST and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk_values(item, rest, (*at, index))
    elif isinstance(value, dict) and step in value:
        yield from _walk_values(value[step], rest, (*at, step))
