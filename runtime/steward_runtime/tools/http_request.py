"""From a path template and arguments to one HTTP request (pure).

An argument that the path names goes there, percent-encoded as one segment; the others go into the
query (GET, DELETE) or into a JSON body. A value can never add a segment, a query or a host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from steward_api.v1alpha1.tool import HttpMethod

PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
BODYLESS: Final = frozenset({HttpMethod.GET, HttpMethod.DELETE})


class ArgumentsUnusable(Exception):
    """Arguments do not make a request; the text names the argument, never its value."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request: final URL (already encoded) and JSON body, if any."""

    url: str
    body: bytes | None


def build_request(template: str, method: HttpMethod, arguments: str) -> HttpRequest:
    """Fill the template with arguments (JSON text of an object).

    Raises:
        ArgumentsUnusable: if the path names an argument that is missing, not a plain value, or
            would change the path.
    """
    values = _parse_arguments(arguments)
    named = dict.fromkeys(PLACEHOLDER.findall(template))
    segments = {name: _render_segment(name, values) for name in named}
    url = PLACEHOLDER.sub(lambda match: segments[match[1]], template)
    rest = {name: value for name, value in values.items() if name not in named}
    if method not in BODYLESS:
        return HttpRequest(url, orjson.dumps(rest))
    query = urlencode([pair for name in rest for pair in _render_pairs(name, rest[name])])
    return HttpRequest(f"{url}?{query}" if query else url, None)


def _parse_arguments(arguments: str) -> Mapping[str, Any]:
    try:
        values = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        raise ArgumentsUnusable("the arguments are not JSON") from None
    if not isinstance(values, dict):
        raise ArgumentsUnusable("the arguments are not a JSON object")
    return values


def _render_segment(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None or isinstance(value, dict | list):
        raise ArgumentsUnusable(f"argument {name} is part of the path and must be a plain value")
    text = _render_plain(value)
    if text.strip() in {"", ".", ".."}:
        raise ArgumentsUnusable(f"argument {name} is part of the path and must name something")
    return quote(text, safe="")


def _render_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, list):
        return [pair for each in value for pair in _render_pairs(name, each)]
    return [(name, _render_plain(value))]


def _render_plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
