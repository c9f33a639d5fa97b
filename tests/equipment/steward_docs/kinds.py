"""Reference pages of the kinds: fields, rules and columns, from the served schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from steward_api.meta import API_VERSION, REFERS_TO, Kind, Scope
from steward_api.schema import PRESERVE_UNKNOWN, VALIDATIONS, Schema, build_marked_schema
from steward_api.v1alpha1 import KINDS

_SCOPES = {Scope.NAMESPACED: "namespaced", Scope.CLUSTER: "cluster-scoped"}
HEADER = "<!-- Written by `make docs`. Do not edit. -->\n"


def render_kinds() -> dict[str, str]:
    """Return path below `docs/reference` and text of each kind's page, and of their index."""
    pages = {f"kinds/{kind.NAMES.singular}.md": render_kind(kind) for kind in KINDS}
    return {"kinds/README.md": _render_index(), **pages}


def render_kind(kind: type[Kind]) -> str:
    """Return the page of one kind."""
    schema = build_marked_schema(kind)
    names = kind.NAMES
    short = f", short name `{names.short_names[0]}`" if names.short_names else ""
    lines = [
        HEADER,
        f"# {names.kind}",
        "",
        schema["description"],
        "",
        f"`apiVersion: {API_VERSION}`, `kind: {names.kind}`, {_SCOPES[names.scope]}{short}.",
        "",
        "## Fields of `spec`",
        "",
        "| field | type | default | description |",
        "|---|---|---|---|",
        *(
            _row(path, node, required)
            for path, node, required in _fields(schema["properties"]["spec"])
        ),
        "",
        *_rules(schema),
        "## Fields of `status`",
        "",
        "| field | type | description |",
        "|---|---|---|",
        *(
            f"| `{path}` | {_type_of(node)} | {_cell(node['description'])} |"
            for path, node, _ in _fields(schema["properties"]["status"])
        ),
        "",
    ]
    return "\n".join(lines)


def _render_index() -> str:
    rows = []
    for kind in KINDS:
        link = f"[{kind.NAMES.kind}]({kind.NAMES.singular}.md)"
        rows.append(f"| {link} | {build_marked_schema(kind)['description']} |")
    return "\n".join([HEADER, "# Kinds", "", "| kind | what it is |", "|---|---|", *rows, ""])


def _fields(
    node: Schema, path: str = "", *, is_required: bool = True
) -> Iterator[tuple[str, Schema, bool]]:
    """Yield every field below a node with its path; items of a list are marked by `[]`."""
    if path:
        yield path, node, is_required
    inner = node["items"] if node["type"] == "array" else node
    prefix = f"{path}[]" if node["type"] == "array" else path
    for name, child in inner.get("properties", {}).items():
        below = f"{prefix}.{name}" if prefix else name
        yield from _fields(child, below, is_required=name in inner.get("required", ()))


def _row(path: str, node: Schema, required: bool) -> str:
    default = "required" if required else _default_of(node)
    return f"| `{path}` | {_type_of(node)} | {default} | {_cell(_description_of(node))} |"


def _description_of(node: Schema) -> str:
    kind = node.get(REFERS_TO)
    return f"{node['description']} (names a {kind})" if kind else str(node["description"])


def _default_of(node: Schema) -> str:
    if "default" not in node:
        return ""
    value = node["default"]
    if isinstance(value, dict | list):
        return "see below" if value else "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type_of(node: Schema) -> str:
    match node["type"]:
        case "string" if "enum" in node:
            return " \\| ".join(f"`{value}`" for value in node["enum"])
        case "string":
            return f"string{_range(node, 'minLength', 'maxLength', ' characters')}"
        case "integer":
            return f"integer{_range(node, 'minimum', 'maximum', '')}"
        case "array":
            inner = node["items"]
            what = "objects" if inner["type"] == "object" else _type_of(inner)
            return f"list of {what}{_range(node, 'minItems', 'maxItems', '')}"
        case "object" if node.get(PRESERVE_UNKNOWN):
            return "free-form object"
        case other:
            return str(other)


def _range(node: dict[str, Any], low: str, high: str, unit: str) -> str:
    if high not in node:
        return ""
    return f", {node.get(low, 0)} to {node[high]}{unit}"


def _rules(schema: Schema) -> list[str]:
    messages = [rule["message"] for node in _nodes(schema) for rule in node.get(VALIDATIONS, ())]
    if not messages:
        return []
    return ["## Rules", "", *(f"- {_sentence(message)}" for message in messages), ""]


def _sentence(message: str) -> str:
    """Return a rule's message with the field that it begins with set as code."""
    field, _, rest = message.partition(" ")
    return f"`{field}` {rest}."


def _nodes(node: Schema) -> Iterator[Schema]:
    yield node
    for child in node.get("properties", {}).values():
        yield from _nodes(child)
    if "items" in node:
        yield from _nodes(node["items"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
