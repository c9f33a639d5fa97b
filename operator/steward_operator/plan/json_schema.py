"""Checks the shape of a JSON Schema without a validator library (pure).

Covers the keywords of draft 2020-12 whose wrong shape would make a validator refuse the schema or
silently ignore a bound. The runtime compiles the schema for real before it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from steward_api.blueprint import TOOL_SCHEMA_BYTES_MAX
from steward_api.canonical import render_canonical
from steward_api.conditions import Problem
from steward_api.reasons import Reason

DEPTH_MAX: Final = 32
JSON_DEPTH_MAX: Final = 4 * DEPTH_MAX
"""One schema inside another is at most three levels of JSON deeper (`properties`, name, schema)."""
TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SCHEMA_KEYWORDS: Final = frozenset(
    {
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_SCHEMA_LIST_KEYWORDS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMA_MAP_KEYWORDS: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_COUNT_KEYWORDS: Final = frozenset(
    {
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
    }
)
_NUMBER_KEYWORDS: Final = frozenset(
    {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
)


def check_json_schema(schema: Mapping[str, Any], field: str) -> tuple[Problem, ...]:
    """Return what is wrong with a schema: too large, not JSON, or malformed; at most one problem.

    `field` is the schema's place in the Tool, for example `spec.inputSchema`.
    """
    if _is_too_deep(schema):
        return (_problem(field, f"is nested deeper than {DEPTH_MAX} levels"),)
    try:
        size = len(render_canonical(dict(schema)))
    except (ValueError, TypeError):
        return (_problem(field, "must hold JSON with whole numbers only"),)
    if size > TOOL_SCHEMA_BYTES_MAX:
        return (
            Problem(
                field,
                Reason.SCHEMA_TOO_LARGE,
                f"has more than {TOOL_SCHEMA_BYTES_MAX} bytes; shorten descriptions or split the "
                "tool",
            ),
        )
    found = next(_check_schema(schema, field, 0), None)
    return (_problem(*found),) if found else ()


def check_arguments_schema(schema: Mapping[str, Any], field: str) -> tuple[Problem, ...]:
    """Return what is wrong with a schema of arguments, which must describe an object."""
    problems = check_json_schema(schema, field)
    if not problems and schema.get("type") != "object":
        return (_problem(f"{field}.type", "must be object, since arguments have names"),)
    return problems


def _is_too_deep(schema: Mapping[str, Any]) -> bool:
    """Say whether the JSON is nested too deeply to be walked by recursion, level by level."""
    level: list[Any] = [schema]
    for _ in range(JSON_DEPTH_MAX):
        level = [
            inner
            for value in level
            if isinstance(value, Mapping | list)
            for inner in (value.values() if isinstance(value, Mapping) else value)
        ]
        if not level:
            return False
    return True


_Found = tuple[str, str]


def _check_schema(schema: Any, path: str, depth: int) -> Iterator[_Found]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield path, "must be a JSON Schema: an object, true or false"
        return
    if depth > DEPTH_MAX:
        yield path, f"is nested deeper than {DEPTH_MAX} levels"
        return
    for keyword in sorted(schema):
        yield from _check_keyword(keyword, schema[keyword], f"{path}.{keyword}", depth)


def _check_keyword(keyword: str, value: Any, path: str, depth: int) -> Iterator[_Found]:
    if keyword in _SCHEMA_KEYWORDS:
        yield from _check_schema(value, path, depth + 1)
    elif keyword in _SCHEMA_LIST_KEYWORDS:
        yield from _check_schema_list(value, path, depth)
    elif keyword in _SCHEMA_MAP_KEYWORDS:
        yield from _check_schema_map(value, path, depth)
    elif keyword in _COUNT_KEYWORDS:
        if not _is_whole(value) or value < 0:
            yield path, "must be a whole number from 0"
    elif keyword in _NUMBER_KEYWORDS:
        if not _is_whole(value) or (keyword == "multipleOf" and value <= 0):
            yield path, "must be a whole number" + (" above 0" if keyword == "multipleOf" else "")
    elif keyword in _SIMPLE_CHECKS:
        message = _SIMPLE_CHECKS[keyword](value)
        if message:
            yield path, message


def _check_schema_list(value: Any, path: str, depth: int) -> Iterator[_Found]:
    if not isinstance(value, list) or not value:
        yield path, "must be a list of at least one JSON Schema"
        return
    for index, member in enumerate(value):
        yield from _check_schema(member, f"{path}[{index}]", depth + 1)


def _check_schema_map(value: Any, path: str, depth: int) -> Iterator[_Found]:
    if not isinstance(value, dict):
        yield path, "must be an object whose values are JSON Schemas"
        return
    for name in sorted(value):
        yield from _check_schema(value[name], f"{path}.{name}", depth + 1)


def _check_type(value: Any) -> str:
    names = value if isinstance(value, list) else [value]
    is_valid = bool(names) and all(isinstance(name, str) and name in TYPES for name in names)
    return "" if is_valid else "must be one or more of " + ", ".join(sorted(TYPES))


def _check_names(value: Any) -> str:
    is_valid = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return "" if is_valid and len(set(value)) == len(value) else "must be a list of distinct names"


def _check_enum(value: Any) -> str:
    return "" if isinstance(value, list) and value else "must be a list of at least one value"


def _check_pattern(value: Any) -> str:
    return "" if isinstance(value, str) else "must be a regular expression"


def _check_reference(value: Any) -> str:
    is_inside = isinstance(value, str) and value.startswith("#")
    return "" if is_inside else "must point into the same schema (#/…): nothing is fetched"


_SIMPLE_CHECKS: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": _check_type,
    "required": _check_names,
    "enum": _check_enum,
    "pattern": _check_pattern,
    "$ref": _check_reference,
    "$dynamicRef": _check_reference,
}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _problem(field: str, message: str) -> Problem:
    return Problem(field, Reason.SCHEMA_INVALID, message)
