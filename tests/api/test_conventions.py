"""The linter of our API: every kind is clean, and every rule can be broken."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.conventions import CEL_FUNCTIONS, Finding, check_kind, check_schema
from steward_api.meta import Kind
from steward_api.v1alpha1 import KINDS

TEXT = {"type": "string", "maxLength": 5, "description": "A text."}


def spec_with(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with one field."""
    described = {"description": "A field.", **node}
    return {"type": "object", "description": "A spec.", "properties": {name: described}}


def spec_with_rule(rule: str, message: str = "size must be 1", **more: str) -> dict[str, Any]:
    """Return a schema with one CEL rule."""
    rules = [{"rule": rule, "message": message, **more}]
    return {**spec_with("size", TEXT), "x-kubernetes-validations": rules}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_every_kind_follows_the_conventions(kind: type[Kind]) -> None:
    """No kind that we serve breaks a rule."""
    assert [str(finding) for finding in check_kind(kind)] == []


@pytest.mark.parametrize(
    ("name", "node", "problem"),
    [
        ("text", {"type": "string"}, "maximum length"),
        ("text", {"type": "string", "maxLength": 9, "format": "duration"}, "duration string"),
        ("text", {**TEXT, "description": ""}, "description"),
        ("mode", {"type": "string", "enum": ["snake_case"]}, "PascalCase"),
        ("waitSeconds", {"type": "integer", "minimum": 0}, "a minimum and a maximum"),
        ("wait", {"type": "integer", "minimum": 0, "maximum": 9}, "must end with its unit"),
        ("ratio", {"type": "number"}, "not a float"),
        ("enabled", {"type": "boolean"}, "boolean_because"),
        ("phase", TEXT, "phase"),
        ("timeout", TEXT, "must name its unit"),
        ("Upper", TEXT, "camelCase"),
        ("free", {"type": "object"}, "must have properties"),
        ("map", {"type": "object", "additionalProperties": TEXT}, "maximum number of entries"),
        ("none", {}, "must have a type"),
        ("names", {"type": "array", "items": TEXT, "maxItems": 3}, "server-side apply"),
        (
            "names",
            {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
            "maximum number of items",
        ),
        (
            "things",
            {
                "type": "array",
                "maxItems": 3,
                "x-kubernetes-list-type": "atomic",
                "items": {"type": "object", "properties": {"a": TEXT}},
            },
            "list_map",
        ),
        (
            "things",
            {
                "type": "array",
                "maxItems": 3,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a"],
                "items": {"type": "object", "properties": {"a": TEXT}},
            },
            "list keys",
        ),
        ("other", {"type": "object", "properties": {"name": TEXT}}, "must end with Ref"),
        ("otherRef", TEXT, "must be an object with a name"),
        ("otherRef", {"type": "object", "properties": {"name": TEXT}}, "which kind it names"),
    ],
)
def test_refuses_a_field_that_breaks_a_rule(name: str, node: dict[str, Any], problem: str) -> None:
    """Each rule names the field and says what it must be."""
    found = check_schema(spec_with(name, node), "Thing.spec")
    assert [f for f in found if f.path == f"Thing.spec.{name}" and problem in f.problem]


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (spec_with_rule("url(self.size).getHost() == 'x'"), "standard functions"),
        (spec_with_rule("self.size == oldSelf.size"), "must not need the cluster"),
        (spec_with_rule("self.namespace == 'a'"), "reserved word"),
        (spec_with_rule("true", "size is wrong"), "must say what must hold"),
        (spec_with_rule("true", "size must be >= 1"), "words without symbols"),
        (spec_with_rule("true", "size must be one."), "full stop"),
        (spec_with_rule("true", fieldPath=".weight"), "fieldPath"),
    ],
)
def test_refuses_a_rule_that_breaks_a_rule(schema: dict[str, Any], problem: str) -> None:
    """CEL rules are standard, local and say how to mend the object."""
    found = check_schema(schema, "Thing.spec")
    assert [f for f in found if f.path == "Thing.spec" and problem in f.problem]


def test_accepts_that_an_integer_never_falls() -> None:
    """The one rule over the older object: offline there is none, so it holds."""
    message = "size must not become less, because of b"
    assert check_schema(spec_with_rule("self.size >= oldSelf.size", message), "Thing.spec") == ()


def test_does_not_mistake_text_in_quotes_for_a_call() -> None:
    """A literal that looks like a function is only text."""
    assert check_schema(spec_with_rule("self.size == 'url(x)'"), "Thing.spec") == ()


def test_accepts_every_standard_function() -> None:
    """The list of functions is the one that rules may use."""
    for name in CEL_FUNCTIONS:
        assert check_schema(spec_with_rule(f"{name}(self.size)"), "Thing.spec") == ()


def test_prints_a_finding_as_place_and_problem() -> None:
    """A finding reads like a compiler's message."""
    assert str(Finding("A.spec.b", "must be c")) == "A.spec.b: must be c"
