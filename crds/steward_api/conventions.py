"""The rules of our own API as a linter of schemas (pure).

Read by `tests/api` for every kind, so a field that breaks a rule fails the build. The rules are
those of Kubernetes' API conventions that a machine can check, and a few of ours: every value is
bounded, every integer says its unit, every boolean says why it is no enumeration, every CEL rule
can also be evaluated offline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from steward_api.meta import REFERS_TO, Kind
from steward_api.schema import PRESERVE_UNKNOWN, VALIDATIONS, Schema, build_marked_schema

BOOLEAN_REASON: Final = "x-steward-boolean"
"""Says why a field is a boolean and not an enumeration; `meta.boolean_because` sets it."""

UNITS: Final = (
    "Seconds",
    "Minutes",
    "Bytes",
    "Tokens",
    "Characters",
    "Records",
    "Tasks",
    "PerMinute",
    "PerTurn",
    "Generation",
)
"""How the name of an integer may end; a new unit is added here on purpose."""

CEL_FUNCTIONS: Final = frozenset(
    {
        "all",
        "contains",
        "endsWith",
        "exists",
        "exists_one",
        "filter",
        "has",
        "int",
        "map",
        "matches",
        "size",
        "startsWith",
        "string",
    }
)
"""Functions of standard CEL, without those that Kubernetes adds: `steward validate` knows these."""

_CEL_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_CEL_CALL: Final = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_CEL_WORDS: Final = frozenset({"in"})
_CEL_CLUSTER_ONLY: Final = re.compile(r"\b(oldSelf|authorizer|request)\b")
_NEVER_FALLS: Final = re.compile(r"self\.(\w+) >= oldSelf\.(\1)")
"""The rule of `meta.never_falls`: offline there is no older object, so it holds."""
_CEL_RESERVED: Final = re.compile(r"\.(namespace|package|function|import|return|loop|const|var)\b")
_PASCAL: Final = re.compile(r"^[A-Z][A-Za-z0-9]*$")
_CAMEL: Final = re.compile(r"^[a-z][A-Za-z0-9]*$")
_DURATION_NAME: Final = re.compile(
    r"(^d|D)uration$|(^t|T)imeout$|(^i|I)nterval$|(^p|P)eriod$|(^d|D)eadline$|(^t|T)tl$|TTL$"
)
_SYMBOLS: Final = re.compile(r"[<>≤≥]|!=|==|\bshould\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule: where, and what must change."""

    path: str
    problem: str

    def __str__(self) -> str:
        """Return `path: problem`."""
        return f"{self.path}: {self.problem}"


def check_kind(kind: type[Kind]) -> tuple[Finding, ...]:
    """Return every broken rule of a kind, in the order of its fields.

    Raises:
        NotStructuralError: if the kind has no structural schema at all.
    """
    schema = build_marked_schema(kind)
    name = kind.NAMES.kind
    root = {key: value for key, value in schema.items() if key != "properties"}
    found = list(_check_rules(root, name))
    for part in ("spec", "status"):
        found.extend(check_schema(schema["properties"][part], f"{name}.{part}"))
    return tuple(found)


def check_schema(schema: Schema, path: str) -> tuple[Finding, ...]:
    """Return every broken rule of one schema node and of all below it."""
    return tuple(_walk(schema, path, path.rpartition(".")[2]))


def _walk(node: Schema, path: str, name: str) -> Iterator[Finding]:
    if not node.get("description") and not path.endswith("[]"):
        yield Finding(path, "must have a description")
    yield from _check_type(node, path, name)
    yield from _check_name(node, path, name)
    yield from _check_rules(node, path)
    for child_name, child in node.get("properties", {}).items():
        yield from _walk(child, f"{path}.{child_name}", child_name)
    if "items" in node:
        yield from _walk(node["items"], f"{path}[]", name)


def _check_type(node: Schema, path: str, name: str) -> Iterator[Finding]:
    match node.get("type"):
        case "string":
            yield from _check_string(node, path)
        case "integer":
            yield from _check_integer(node, path, name)
        case "number":
            yield Finding(path, "must be an integer with its unit in the name, not a float")
        case "boolean":
            if not node.get(BOOLEAN_REASON):
                yield Finding(path, "must be an enumeration, or say why not (boolean_because)")
        case "array":
            yield from _check_array(node, path)
        case "object":
            yield from _check_object(node, path)
        case other:
            yield Finding(path, f"must have a type the API server knows, not {other!r}")


def _check_string(node: Schema, path: str) -> Iterator[Finding]:
    if "enum" in node:
        for value in node["enum"]:
            if not _PASCAL.match(value):
                yield Finding(path, f"value {value!r} must be PascalCase")
    elif "maxLength" not in node:
        yield Finding(path, "must have a maximum length")
    if node.get("format") == "duration":
        yield Finding(path, "must be an integer of seconds, not a duration string")


def _check_integer(node: Schema, path: str, name: str) -> Iterator[Finding]:
    if "minimum" not in node or "maximum" not in node:
        yield Finding(path, "must have a minimum and a maximum")
    if not name.endswith(UNITS) and name.lower() not in {unit.lower() for unit in UNITS}:
        yield Finding(path, f"must end with its unit, one of {', '.join(UNITS)}")


def _check_array(node: Schema, path: str) -> Iterator[Finding]:
    if "maxItems" not in node:
        yield Finding(path, "must have a maximum number of items")
    kind_of_list = node.get("x-kubernetes-list-type")
    item = node.get("items", {})
    if kind_of_list is None:
        yield Finding(path, "must say how server-side apply merges it (list_map or list_set)")
    elif kind_of_list == "map":
        keys = node.get("x-kubernetes-list-map-keys", [])
        missing = [key for key in keys if key not in item.get("required", ())]
        if not keys or missing:
            yield Finding(path, "must have list keys that every item is required to carry")
    elif item.get("type") == "object":
        yield Finding(path, "must be a list_map: its items are objects")


def _check_object(node: Schema, path: str) -> Iterator[Finding]:
    if node.get("properties") or node.get(PRESERVE_UNKNOWN):
        return
    if "additionalProperties" not in node:
        yield Finding(path, "must have properties")
    elif "maxProperties" not in node:
        yield Finding(path, "must have a maximum number of entries; named things belong in a list")


def _check_name(node: Schema, path: str, name: str) -> Iterator[Finding]:
    if not _CAMEL.match(name):
        yield Finding(path, "must have a camelCase name")
    if name == "phase":
        yield Finding(path, "must be a condition; `phase` is deprecated")
    if node.get("type") != "boolean" and _DURATION_NAME.search(name):
        yield Finding(path, "must name its unit, for example timeoutSeconds")
    yield from _check_reference(node, path, name)


def _check_reference(node: Schema, path: str, name: str) -> Iterator[Finding]:
    if path.endswith("[]"):
        return
    target = node["items"] if name.endswith("Refs") and "items" in node else node
    members = set(target.get("properties", {}))
    says_reference = name.endswith(("Ref", "Refs"))
    if says_reference and "name" not in members:
        yield Finding(path, "must be an object with a name, because it is called a reference")
    if says_reference and REFERS_TO not in node:
        yield Finding(path, "must say which kind it names (refers_to)")
    if not says_reference and members == {"name"}:
        yield Finding(path, "must end with Ref, because it is a reference")


def _check_rules(node: Schema, path: str) -> Iterator[Finding]:
    for rule in node.get(VALIDATIONS, ()):
        yield from _check_rule(rule, node, path)


def _check_rule(rule: dict[str, Any], node: Schema, path: str) -> Iterator[Finding]:
    text = _CEL_LITERAL.sub("''", rule["rule"])
    unknown = set(_CEL_CALL.findall(text)) - CEL_FUNCTIONS - _CEL_WORDS
    if unknown:
        names = ", ".join(sorted(unknown))
        yield Finding(path, f"CEL rule must use standard functions only, not {names}")
    if _CEL_CLUSTER_ONLY.search(text) and not _NEVER_FALLS.fullmatch(text):
        yield Finding(path, "CEL rule must not need the cluster, so that it holds offline too")
    if _CEL_RESERVED.search(text):
        yield Finding(path, "CEL rule must not name a reserved word; the API server escapes those")
    message = rule["message"]
    if " must " not in f" {message} ":
        yield Finding(path, "CEL message must say what must hold")
    if _SYMBOLS.search(message) or message.endswith("."):
        yield Finding(path, "CEL message must be words without symbols and without a full stop")
    field = rule.get("fieldPath", "").removeprefix(".")
    if field and field not in node.get("properties", {}):
        yield Finding(path, f"CEL fieldPath must name a field of the object, not {field}")
