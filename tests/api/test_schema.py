"""Schemas: what pydantic says becomes what the API server accepts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import jsonschema
import pytest
from pydantic import Field

from steward_api.meta import Kind, LocalRef, Rule, SchemaNode, list_map, pending
from steward_api.schema import (
    NotStructuralError,
    Schema,
    build_marked_schema,
    build_node_schema,
    build_schema,
    gather_spec_fields,
)
from steward_api.v1alpha1 import KINDS, Assistant, Tool

STRUCTURAL_KEYWORDS = {
    "type", "description", "properties", "required", "items", "enum", "default", "format",
    "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems",
    "minProperties", "maxProperties", "additionalProperties", "uniqueItems",
    "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string",
}  # fmt: skip

MINIMAL_SPECS: dict[str, dict[str, Any]] = {
    "Assistant": {
        "purpose": "support",
        "owner": "team",
        "promptRef": {"name": "p"},
        "modelRefs": [{"name": "m"}],
        "retentionPolicyRef": {"name": "r"},
    },
    "Model": {"type": "OpenAI", "modelName": "m", "openAI": {"baseUrl": "http://m/v1"}},
    "Tool": {
        "description": "d",
        "type": "HTTP",
        "http": {"url": "http://t/x"},
        "inputSchema": {"type": "object"},
        "contract": {"effect": "Read"},
    },
    "Prompt": {"template": "Be kind."},
    "MemoryPolicy": {"segments": [{"name": "s", "domain": "d", "sensitivity": "Internal"}]},
    "RetentionPolicy": {
        "windows": [
            {"class": name, "keepSeconds": 60}
            for name in ("Conversations", "Tasks", "Memory", "AuditDetail")
        ]
    },
    "ClusterAssistantPolicy": {},
}


class Colour(StrEnum):
    """A colour."""

    RED = "Red"


class Inner(SchemaNode):
    """An inner object
    of two lines.
    """

    size: Annotated[int, Field(gt=0, lt=10)] = 3
    """Size of the
    inner object.
    """
    note: str | None = None
    """A note."""


class Outer(SchemaNode):
    """An outer object."""

    RULES: ClassVar[tuple[Rule, ...]] = (Rule("true", "colour must be red", ".colour"),)

    kind: Literal["Outer"] = "Outer"
    """Always Outer."""
    colour: Colour
    """A colour."""
    inner: Inner = Inner(size=3)
    """An inner object."""
    other: Inner = Inner(size=4)
    """Another one."""
    list_of: Annotated[
        tuple[LocalRef, ...], Field(max_length=2, json_schema_extra=list_map("name"))
    ]
    """Names."""
    later: Annotated[int, Field(json_schema_extra=pending("stage 9"))]
    """Not yet."""
    free: dict[str, Any] = Field(default_factory=dict)
    """Anything."""


class Tree(SchemaNode):
    """A tree."""

    left: Tree | None = None
    """Left."""


class Either(SchemaNode):
    """A union."""

    value: int | str
    """Either."""


class Pair(SchemaNode):
    """A tuple."""

    value: tuple[int, str]
    """Both."""


def nodes(schema: Schema) -> list[Schema]:
    """Return a schema and every schema below it."""
    below = [*schema.get("properties", {}).values()]
    below += [schema[key] for key in ("items", "additionalProperties") if key in schema]
    return [schema, *(deep for node in below for deep in nodes(node))]


def filled(value: Any, schema: Schema) -> Any:
    """Apply defaults as the API server does: a missing member first, then its own members."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name not in value and "default" in child:
                value[name] = child["default"]
        return {
            name: filled(item, schema.get("properties", {}).get(name, {}))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [filled(item, schema["items"]) for item in value]
    return value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_holds_only_keywords_of_structural_schemas(kind: type[Kind]) -> None:
    """No reference, union or title is left anywhere, and every node has a type."""
    for node in nodes(build_schema(kind)):
        assert set(node) <= STRUCTURAL_KEYWORDS
        assert isinstance(node["type"], str)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.NAMES.kind)
def test_defaults_of_schema_and_model_agree(kind: type[Kind]) -> None:
    """An object filled by the API server's rules is the object that pydantic parses."""
    spec = MINIMAL_SPECS[kind.NAMES.kind]
    schema = build_schema(kind)["properties"]["spec"]
    parsed = kind.model_validate({"metadata": {"name": "x"}, "spec": spec})
    dumped = parsed.model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    pending_names = set(dumped) - set(schema["properties"])
    served = {name: value for name, value in dumped.items() if name not in pending_names}
    assert filled(spec, schema) == served
    jsonschema.validate(served, schema)


def test_inlines_references_and_keeps_siblings() -> None:
    """A field's own description wins over that of its class."""
    schema = build_node_schema(Outer)
    assert schema["properties"]["other"]["description"] == "Another one."
    assert schema["properties"]["listOf"]["items"] == {
        "type": "object",
        "description": "A reference to an object of a fixed kind in the same namespace.",
        "properties": build_node_schema(LocalRef)["properties"],
        "required": ["name"],
    }


def test_writes_descriptions_on_one_line() -> None:
    """Line breaks of a docstring don't reach `kubectl explain`."""
    size = build_node_schema(Inner)["properties"]["size"]
    assert size["description"] == "Size of the inner object."


def test_turns_exclusive_bounds_into_inclusive_ones() -> None:
    """An integer above 0 is an integer of at least 1."""
    size = build_node_schema(Inner)["properties"]["size"]
    assert (size["minimum"], size["maximum"]) == (1, 9)


def test_drops_the_null_branch_and_its_default() -> None:
    """What may be None in Python is optional in the API."""
    inner = build_node_schema(Inner)
    assert inner["properties"]["note"] == {"type": "string", "description": "A note."}
    assert "required" not in inner


def test_turns_const_into_an_enumeration() -> None:
    """A literal is an enumeration of one value."""
    assert build_node_schema(Outer)["properties"]["kind"]["enum"] == ["Outer"]


def test_leaves_pending_fields_out() -> None:
    """A pending field is neither offered nor required."""
    schema = build_node_schema(Outer)
    assert "later" not in schema["properties"]
    assert schema["required"] == ["colour", "listOf"]


def test_writes_defaults_of_objects_out() -> None:
    """An object's default is complete, for CEL is judged before nested defaults are filled in."""
    properties = build_node_schema(Outer)["properties"]
    assert properties["inner"]["default"] == {"size": 3}
    assert properties["other"]["default"] == {"size": 4}


def test_carries_rules_of_every_object() -> None:
    """CEL rules stand at the object whose class declares them."""
    assert build_node_schema(Outer)["x-kubernetes-validations"] == [
        {"rule": "true", "message": "colour must be red", "fieldPath": ".colour"}
    ]
    tool = build_schema(Tool)
    assert tool["x-kubernetes-validations"][0]["rule"] == "self.metadata.name.size() <= 40"
    assert "has(self.http)" in tool["properties"]["spec"]["x-kubernetes-validations"][0]["rule"]


def test_keeps_free_objects_free() -> None:
    """A map of anything is preserved by the API server."""
    free = build_node_schema(Outer)["properties"]["free"]
    assert free["x-kubernetes-preserve-unknown-fields"] is True


def test_gives_status_no_defaults() -> None:
    """The status of a new object is empty until the operator writes it."""
    status = build_schema(Assistant)["properties"]["status"]
    assert not [node for node in nodes(status) if "default" in node]


def test_strips_our_own_notes() -> None:
    """Notes for the linter stay at home."""
    assert "x-steward-boolean" in str(build_marked_schema(Assistant))
    assert "x-steward" not in str(build_schema(Assistant))


@pytest.mark.parametrize(
    ("model", "path"), [(Tree, "Tree.left"), (Either, "Either.value"), (Pair, "Pair.value")]
)
def test_refuses_what_no_structural_schema_can_hold(model: type[SchemaNode], path: str) -> None:
    """Recursion, unions and tuples are refused with the place where they stand."""
    with pytest.raises(NotStructuralError) as refused:
        build_node_schema(model)
    assert refused.value.path == path


def test_lists_every_leaf_of_a_spec() -> None:
    """Lists add nothing to a path; free-form objects are leaves."""
    fields = gather_spec_fields(Tool)
    assert "Tool.spec.inputSchema" in fields
    assert "Tool.spec.contract.result.integrity" in fields
    assert "Tool.spec.contract" not in fields
    assert "Assistant.spec.modelRefs.name" in gather_spec_fields(Assistant)
