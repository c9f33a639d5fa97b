"""Turns YAML nodes into JSON values as Kubernetes understands them, with the line of every field.

Different from PyYAML's own constructor: a timestamp stays text, `1:30` is no number, a key that
appears twice is a fault, keys are text, and aliases cannot blow up (the nodes are counted).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

FieldPath: TypeAlias = tuple[str | int, ...]

NODES_MAX: Final = 200_000
"""More values than any folder of manifests holds; aliases that multiply stop here."""
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
"""The YAML 1.1 words that `kubectl` reads as booleans too."""
_INTEGER: Final = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_OCTAL: Final = re.compile(r"^[-+]?0([0-7]+)$")
_HEX: Final = re.compile(r"^[-+]?0x([0-9a-fA-F]+)$")
_FLOAT: Final = re.compile(
    r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.inf$|^\.nan$", re.IGNORECASE
)
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_SCALAR_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null", "str", "timestamp")
)
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_DIGITS_MAX: Final = 30
"""Longer integers fit into no field; Python refuses to read some thousands of digits at all."""


@dataclass(frozen=True, slots=True)
class YamlFault:
    """Something that YAML allows and a manifest may not hold."""

    path: FieldPath
    line: int
    message: str


@dataclass(slots=True)
class ParsedYaml:
    """The value of a document, and where its parts are."""

    value: Any = None
    lines: dict[FieldPath, int] = field(default_factory=dict)
    faults: list[YamlFault] = field(default_factory=list)
    nodes: int = 0


def parse_value(node: yaml.Node) -> ParsedYaml:
    """Turn the root node of one document into JSON values.

    Raises:
        ValueError: if the document holds more than `NODES_MAX` values.
        RecursionError: if an alias leads to itself, or the document is nested too deeply.
    """
    parsed = ParsedYaml()
    parsed.value = _parse(node, (), parsed)
    return parsed


def _parse(node: yaml.Node, path: FieldPath, parsed: ParsedYaml) -> Any:
    parsed.nodes += 1
    if parsed.nodes > NODES_MAX:
        raise ValueError(f"holds more than {NODES_MAX} values")
    parsed.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _parse_mapping(node, path, parsed)
    if isinstance(node, yaml.SequenceNode):
        return [_parse(item, (*path, index), parsed) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _parse_scalar(node, path, parsed)
    raise ValueError("holds a YAML node of an unknown sort")


def _parse_mapping(node: yaml.MappingNode, path: FieldPath, parsed: ParsedYaml) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            parsed.faults.append(YamlFault(path, line, "a key must be text"))
            continue
        key = str(key_node.value)
        below = (*path, key)
        if key_node.tag == _MERGE_TAG:
            parsed.faults.append(YamlFault(path, line, "merge keys (<<) are not supported"))
        elif key in values:
            parsed.faults.append(YamlFault(below, line, "appears twice"))
        else:
            parsed.lines[below] = line
            values[key] = _parse(value_node, below, parsed)
    return values


def _parse_scalar(node: yaml.ScalarNode, path: FieldPath, parsed: ParsedYaml) -> Any:
    text = str(node.value)
    message = ""
    if any("\ud800" <= character <= "\udfff" for character in text):
        message = "holds half of a surrogate pair, which is no character"
    elif node.tag not in _SCALAR_TAGS:
        message = f"has the tag {node.tag}, which a manifest may not hold"
    if message:
        parsed.faults.append(YamlFault(path, node.start_mark.line + 1, message))
        return ""
    is_text = node.style is not None or node.tag == _TEXT_TAG
    return text if is_text else _parse_plain(text)


def _parse_plain(text: str) -> Any:
    words: Mapping[Any, frozenset[str]] = {None: _NULL, True: _TRUE, False: _FALSE}
    for value, spellings in words.items():
        if text in spellings:
            return value
    if len(text) > _DIGITS_MAX:
        return text
    if _INTEGER.match(text):
        return int(text)
    for pattern, number_base in ((_OCTAL, 8), (_HEX, 16)):
        if match := pattern.match(text):
            number = int(match[1], number_base)
            return -number if text.startswith("-") else number
    if _FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
