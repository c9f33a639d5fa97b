"""Checks whether a document has the shape that a structural schema says (pure).

The API server's own checks, said for people: types without coercion, unknown fields with a
suggestion, required fields, bounds, patterns, enumerations, and lists that must not repeat a key.
Every problem is reported, not only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from steward_api.references import Step
from steward_api.schema import PRESERVE_UNKNOWN, Schema

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}
_NAMES: Final[Mapping[str, str]] = {
    "string": "a string",
    "integer": "an integer",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map of fields",
}


@dataclass(frozen=True, slots=True)
class ShapeProblem:
    """One thing that must change: `at` leads from the root of the document to the field."""

    at: tuple[Step, ...]
    message: str


def render_path(at: tuple[Step, ...]) -> str:
    """Return a path as people write it, for example `spec.toolRefs[1].name`."""
    text = ""
    for step in at:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def check_shape(value: Any, schema: Schema, at: tuple[Step, ...] = ()) -> tuple[ShapeProblem, ...]:
    """Return every problem of `value` against a structural schema, in the order of its fields."""
    return tuple(_check(value, schema, at))


def fill_defaults(value: Any, schema: Schema) -> Any:
    """Return a copy of `value` with defaults as the API server fills them in.

    A missing member gets its default first, and the members of that default get theirs after.
    """
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        filled = {name: item for name, item in value.items() if item is not None}
        for name, child in properties.items():
            if name not in filled and "default" in child:
                filled[name] = child["default"]
        return {
            name: fill_defaults(item, properties.get(name, {})) for name, item in filled.items()
        }
    if isinstance(value, list | tuple):
        return [fill_defaults(item, schema.get("items", {})) for item in value]
    return value


def suggest(word: str, known: Iterator[str] | list[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, or nothing."""
    candidates = list(known)
    by_lower = {name.lower(): name for name in candidates}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def _check(value: Any, schema: Schema, at: tuple[Step, ...]) -> Iterator[ShapeProblem]:
    wanted = schema["type"]
    if not _has_type(value, wanted):
        yield ShapeProblem(at, f"must be {_NAMES[wanted]}, not {_name_of(value)}")
        return
    if "enum" in schema and value not in schema["enum"]:
        offered = ", ".join(schema["enum"])
        yield ShapeProblem(at, f"must be one of {offered}{suggest(value, schema['enum'])}")
        return
    match wanted:
        case "string":
            yield from _check_string(value, schema, at)
        case "integer":
            yield from _check_integer(value, schema, at)
        case "array":
            yield from _check_array(value, schema, at)
        case "object":
            yield from _check_object(value, schema, at)


def _has_type(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, float):
        return wanted == "integer" and value.is_integer()  # 5.0 is 5 in JSON
    return isinstance(value, _TYPES[wanted])


def _name_of(value: Any) -> str:
    if value is None:
        return "null: leave the field out instead"
    for name, types in _TYPES.items():
        if isinstance(value, types) and not (isinstance(value, bool) and name == "integer"):
            return _NAMES[name]
    return "a number with a fraction" if isinstance(value, float) else type(value).__name__


def _check_string(value: str, schema: Schema, at: tuple[Step, ...]) -> Iterator[ShapeProblem]:
    if len(value) < schema.get("minLength", 0):
        yield ShapeProblem(at, f"must have at least {schema['minLength']} characters")
    if len(value) > schema.get("maxLength", len(value)):
        yield ShapeProblem(at, f"must have at most {schema['maxLength']} characters")
    pattern = schema.get("pattern")
    # In Python `$` also matches before a final line break; in RE2 it does not.
    if pattern and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ShapeProblem(at, f"must match {pattern}")


def _check_integer(value: int, schema: Schema, at: tuple[Step, ...]) -> Iterator[ShapeProblem]:
    if value < schema.get("minimum", value):
        yield ShapeProblem(at, f"must be at least {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield ShapeProblem(at, f"must be at most {schema['maximum']}")


def _check_array(value: list[Any], schema: Schema, at: tuple[Step, ...]) -> Iterator[ShapeProblem]:
    if len(value) < schema.get("minItems", 0):
        yield ShapeProblem(at, f"must have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        yield ShapeProblem(at, f"must have at most {schema['maxItems']} items")
    yield from _check_repetition(value, schema, at)
    for index, item in enumerate(value):
        yield from _check(item, schema["items"], (*at, index))


def _check_repetition(
    value: list[Any], schema: Schema, at: tuple[Step, ...]
) -> Iterator[ShapeProblem]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in {"map", "set"}:
        return
    keys = schema.get("x-kubernetes-list-map-keys", [])
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        if kind == "map" and not isinstance(item, dict):
            continue
        identity = repr([item.get(key) for key in keys] if kind == "map" else item)
        if identity in seen:
            what = " and ".join(keys) if kind == "map" else "value"
            message = f"must not repeat the {what} of item {seen[identity]}"
            yield ShapeProblem((*at, index), message)
        seen.setdefault(identity, index)


def _check_object(
    value: dict[Any, Any], schema: Schema, at: tuple[Step, ...]
) -> Iterator[ShapeProblem]:
    if schema.get(PRESERVE_UNKNOWN):
        return
    properties = schema.get("properties", {})
    entries = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield ShapeProblem((*at, name), "must be set")
    for name, item in value.items():
        child = properties.get(name, entries)
        if child is None:
            yield ShapeProblem(
                (*at, str(name)), f"is not a field{suggest(str(name), [*properties])}"
            )
        elif item is not None or name in schema.get("required", ()):
            # The API server drops a null that is not required.
            yield from _check(item, child, (*at, name))
