"""check_json_schema: what is no JSON Schema is found, and what is one passes."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.reasons import Reason
from steward_operator.plan.json_schema import check_arguments_schema, check_json_schema

RICH = {
    "$defs": {"id": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8}},
    "type": "object",
    "properties": {
        "id": {"$ref": "#/$defs/id"},
        "tags": {"type": "array", "items": {"enum": ["a", "b", None]}, "minItems": 0},
        "size": {"anyOf": [{"type": "integer", "minimum": -1}, {"type": "null"}]},
        "rest": True,
    },
    "required": ["id"],
    "additionalProperties": False,
    "x-vendor": {"anything": ["goes"]},
}


def nested(depth: int) -> dict[str, Any]:
    """Return a schema of `depth` levels."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def test_accepts_a_rich_schema() -> None:
    """Keywords of draft 2020-12 and unknown ones pass."""
    assert check_arguments_schema(RICH, "spec.inputSchema") == ()


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "text"}, "s.type"),
        ({"type": []}, "s.type"),
        ({"properties": ["a"]}, "s.properties"),
        ({"properties": {"a": {"type": 1}}}, "s.properties.a.type"),
        ({"required": "a"}, "s.required"),
        ({"required": ["a", "a"]}, "s.required"),
        ({"enum": []}, "s.enum"),
        ({"anyOf": []}, "s.anyOf"),
        ({"anyOf": [{"type": "x"}]}, "s.anyOf[0].type"),
        ({"items": 3}, "s.items"),
        ({"maxLength": -1}, "s.maxLength"),
        ({"maxLength": True}, "s.maxLength"),
        ({"multipleOf": 0}, "s.multipleOf"),
        ({"minimum": "1"}, "s.minimum"),
        ({"pattern": 1}, "s.pattern"),
        ({"$ref": "https://example.com/schema"}, "s.$ref"),
        ({"minimum": 0.5}, "s"),
        ({"default": float("nan")}, "s"),
        ({"default": {1, 2}}, "s"),
    ],
)
def test_finds_what_is_malformed(schema: dict[str, Any], place: str) -> None:
    """The problem names the place inside the schema."""
    (problem,) = check_json_schema(schema, "s")
    assert (problem.field, problem.reason) == (place, Reason.SCHEMA_INVALID)


@pytest.mark.parametrize("depth", [40, 5_000])
def test_refuses_deep_nesting_without_falling_over(depth: int) -> None:
    """A schema that is nested too deeply is a problem, not a crash."""
    (problem,) = check_json_schema(nested(depth), "s")
    assert "nested deeper" in problem.message


def test_refuses_a_schema_of_more_than_sixteen_kibibytes() -> None:
    """The bound counts bytes of the canonical form."""
    (problem,) = check_json_schema({"description": "é" * 8_192}, "s")
    assert problem.reason is Reason.SCHEMA_TOO_LARGE
    assert check_json_schema({"description": "e" * 8_192}, "s") == ()


def test_arguments_are_an_object() -> None:
    """Arguments have names, so their schema describes an object."""
    (problem,) = check_arguments_schema({"properties": {}}, "s")
    assert problem.field == "s.type"
