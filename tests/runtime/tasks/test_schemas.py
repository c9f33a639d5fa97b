"""JSON Schemas of tools: compiled once, closed to the network, safe against bad patterns."""

from __future__ import annotations

from typing import Any

import pytest

from steward_core import build_tool
from steward_runtime.errors import BlueprintRefused
from steward_runtime.tasks.schemas import ToolSchemas, compile_schema

SCHEMAS = ToolSchemas((build_tool("lookup"),))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"ticket":"T-1"}', True),
        ('{"ticket":"T-1","more":1}', False),
        ('{"ticket":"x"}', False),
        ("{}", False),
        ("[]", False),
        ('"T-1"', False),
        ("{", False),
        ("", False),
        ('{"ticket":"T-1"}{"ticket":"T-1"}', False),
        ("[" * 5_000, False),
    ],
)
def test_arguments_are_an_object_that_matches(arguments: str, *, expected: bool) -> None:
    """Whatever a model writes, only a matching object passes."""
    assert SCHEMAS.check_arguments("lookup", arguments) is expected


def test_an_unknown_tool_has_no_matching_arguments() -> None:
    """There is no schema to match."""
    assert not SCHEMAS.check_arguments("invented", "{}")


def test_a_result_without_schema_is_any_text() -> None:
    """Only a declared output schema binds a result."""
    assert SCHEMAS.check_result("lookup", "not even JSON")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "nothing"},
        {"properties": {"a": {"pattern": "("}}},
    ],
    ids=["remote", "file", "type", "pattern"],
)
def test_refuses_a_schema_that_cannot_be_used(schema: dict[str, Any]) -> None:
    """A reference to elsewhere is refused, never fetched; the error names the tool."""
    with pytest.raises(BlueprintRefused, match="tool lookup"):
        compile_schema("lookup", schema)


def test_patterns_run_in_linear_time() -> None:
    """A pattern that makes other engines backtrack for ever answers at once."""
    schema = compile_schema("lookup", {"type": "string", "pattern": "^(a+)+$"})
    assert not schema.is_valid("a" * 5_000 + "!")
