"""From pydantic models to structural OpenAPI v3 schemas, as CustomResourceDefinitions hold them
(pure).

Pydantic's JSON Schema says things that a structural schema may not say: references, a null branch
for what is optional, `const`, titles, closed objects. Each is either rewritten here to what the
API server accepts, or refused with the place where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from steward_api.meta import Kind, Rule

Schema = dict[str, Any]

PENDING: Final = "x-steward-pending"
"""Marks a field that does not act yet; `meta.pending` sets it."""
MARKER_PREFIX: Final = "x-steward-"
"""Notes for our own linter; they never reach a manifest."""
PRESERVE_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"
VALIDATIONS: Final = "x-kubernetes-validations"

_COPIED: Final = (
    "type",
    "format",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
"""Keywords that mean the same in JSON Schema and in a structural schema."""
_REWRITTEN: Final = frozenset(
    {
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "description",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "properties",
        "required",
        "title",
    }
)


class NotStructuralError(ValueError):
    """A model says something that no structural schema can hold.

    Attributes:
        path: where it stands, as a dotted path from the kind.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class _WithRules(GenerateJsonSchema):
    """Pydantic's generator, which also writes the CEL rules of a class into its schema."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        document = super().model_schema(schema)
        rules: tuple[Rule, ...] = getattr(schema["cls"], "RULES", ())
        if rules:
            document[VALIDATIONS] = [_render_rule(rule) for rule in rules]
        return document


def build_schema(kind: type[Kind]) -> Schema:
    """Return the `openAPIV3Schema` of a kind, without our own markers.

    Raises:
        NotStructuralError: if a model uses what a structural schema cannot hold.
    """
    stripped: Schema = _strip_markers(build_marked_schema(kind))
    return stripped


def build_marked_schema(kind: type[Kind]) -> Schema:
    """Return the schema of a kind with the `x-steward-*` notes that the linter reads.

    Raises:
        NotStructuralError: if a model uses what a structural schema cannot hold.
    """
    name = kind.NAMES.kind
    document = kind.model_json_schema(by_alias=True, schema_generator=_WithRules)
    defs = document.get("$defs", {})
    properties = document["properties"]
    root: Schema = {
        "type": "object",
        "description": _one_line(document["description"]),
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": "Version of the API that this object is written in.",
            },
            "kind": {"type": "string", "description": f"Always {name}."},
            "metadata": {"type": "object"},
            "spec": _structural(properties["spec"], defs, f"{name}.spec"),
            "status": _without_defaults(_structural(properties["status"], defs, f"{name}.status")),
        },
        "required": ["spec"],
    }
    if VALIDATIONS in document:
        root[VALIDATIONS] = document[VALIDATIONS]
    return root


def build_node_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of one object inside a spec, with our markers.

    Raises:
        NotStructuralError: if the model uses what a structural schema cannot hold.
    """
    document = model.model_json_schema(by_alias=True, schema_generator=_WithRules)
    return _structural(document, document.pop("$defs", {}), model.__name__)


def gather_spec_fields(kind: type[Kind]) -> tuple[str, ...]:
    """Return the path of every leaf below `spec`, for example `Assistant.spec.toolRefs.name`.

    A leaf is what holds no further named fields: a scalar, a list of scalars, or an object of
    free form. Items of a list add nothing to the path.
    """
    spec = build_schema(kind)["properties"]["spec"]
    return tuple(path for path, _ in walk_leaves(spec, f"{kind.NAMES.kind}.spec"))


def walk_leaves(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every leaf below `node` with its path and its schema, in the order of the models."""
    while node.get("type") == "array":
        if node["items"].get("type") not in {"object", "array"}:
            break
        node = node["items"]
    if not node.get("properties"):
        yield path, node
        return
    for name, child in node["properties"].items():
        yield from walk_leaves(child, f"{path}.{name}")


def _render_rule(rule: Rule) -> Schema:
    rendered: Schema = {"rule": rule.rule, "message": rule.message}
    if rule.field_path is not None:
        rendered["fieldPath"] = rule.field_path
    return rendered


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _structural(node: Schema, defs: Schema, path: str, trail: tuple[str, ...] = ()) -> Schema:
    """Rewrite one node; `trail` holds the references on the way here, to notice recursion."""
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node, trail = _inline(node, defs, path, trail)
        else:
            node = _drop_null(node, path)
    _refuse_unknown(node, path)
    result: Schema = {key: node[key] for key in _COPIED if key in node}
    if "description" in node:
        result["description"] = _one_line(node["description"])
    if "const" in node:
        result["enum"] = [node["const"]]
    result.update(_inclusive_bounds(node, path))
    result.update({key: value for key, value in node.items() if key.startswith("x-")})
    if "items" in node:
        result["items"] = _structural(node["items"], defs, f"{path}[]", trail)
    result.update(_object_parts(node, defs, path, trail))
    if node.get("default") is not None:
        result["default"] = _served_default(node["default"], result)
    return result


def _inline(
    node: Schema, defs: Schema, path: str, trail: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    name = str(node["$ref"]).removeprefix("#/$defs/")
    if name in trail:
        raise NotStructuralError(path, f"{name} contains itself, and a schema may not refer")
    siblings = {key: value for key, value in node.items() if key != "$ref"}
    return {**defs[name], **siblings}, (*trail, name)


def _drop_null(node: Schema, path: str) -> Schema:
    branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
    if len(branches) != 1:
        raise NotStructuralError(path, "a union must be a `type` and one optional member for each")
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**branches[0], **rest}


def _refuse_unknown(node: Schema, path: str) -> None:
    for key in node:
        if key not in _COPIED and key not in _REWRITTEN and not key.startswith("x-"):
            raise NotStructuralError(path, f"`{key}` has no place in a structural schema")


def _inclusive_bounds(node: Schema, path: str) -> Schema:
    """Turn exclusive bounds of integers into inclusive ones; OpenAPI v3.0 wants booleans there."""
    bounds: Schema = {}
    for key, target, step in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        if key not in node:
            continue
        if node.get("type") != "integer":
            raise NotStructuralError(path, f"`{key}` is supported for integers only")
        bounds[target] = node[key] + step
    return bounds


def _object_parts(node: Schema, defs: Schema, path: str, trail: tuple[str, ...]) -> Schema:
    parts: Schema = {}
    properties = {
        name: child for name, child in node.get("properties", {}).items() if PENDING not in child
    }
    extra = node.get("additionalProperties")
    if properties:
        parts["properties"] = {
            name: _structural(child, defs, f"{path}.{name}", trail)
            for name, child in properties.items()
        }
        required = [name for name in node.get("required", ()) if name in properties]
        if required:
            parts["required"] = required
    elif extra is True:
        parts[PRESERVE_UNKNOWN] = True
    elif isinstance(extra, dict):
        parts["additionalProperties"] = _structural(extra, defs, f"{path}{{}}", trail)
    return parts


def _served_default(default: Any, schema: Schema) -> Any:
    """Drop from an object's default what is null or pending.

    The defaults of members are written out: the API server judges CEL rules over a default before
    it fills in what is nested (seen on 1.37: `no such key` for `default: {}`).
    """
    properties = schema.get("properties")
    if not isinstance(default, dict) or properties is None:
        return default
    return {
        name: _served_default(default[name], child)
        for name, child in properties.items()
        if default.get(name) is not None
    }


def _without_defaults(node: Schema) -> Schema:
    """Return `node` without defaults: the status of a new object is empty until it is written."""
    result = {key: value for key, value in node.items() if key != "default"}
    if "properties" in result:
        result["properties"] = {
            name: _without_defaults(child) for name, child in result["properties"].items()
        }
    if "items" in result:
        result["items"] = _without_defaults(result["items"])
    return result


def _strip_markers(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _strip_markers(value)
            for key, value in node.items()
            if not key.startswith(MARKER_PREFIX)
        }
    if isinstance(node, list):
        return [_strip_markers(value) for value in node]
    return node
