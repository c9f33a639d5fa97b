"""Evaluates the CEL rules of the kinds without an API server.

The rules are those of the generated schemas, evaluated by CEL's own C++ implementation (extra
`cli`) on the object with its defaults filled in, as the API server does. A rule over `oldSelf`
compares with the object that is there, so that it holds for a file; the linter of our API keeps
all but one kind of them, and `authorizer`, out of the kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from steward_api.references import Step
from steward_api.schema import VALIDATIONS, Schema
from steward_api.shape import ShapeProblem
from steward_cli.errors import MissingExtraError

OLD_SELF: Final = "oldSelf"


def check_rules(value: Any, schema: Schema) -> tuple[ShapeProblem, ...]:
    """Return every rule that `value` breaks; `value` has the schema's shape and its defaults.

    Raises:
        MissingExtraError: if the extra `cli` is not installed.
    """
    return tuple(_walk(value, schema, ()))


def _walk(value: Any, schema: Schema, at: tuple[Step, ...]) -> Iterator[ShapeProblem]:
    for rule in schema.get(VALIDATIONS, ()):
        if OLD_SELF not in rule["rule"] and not _holds(rule["rule"], value):
            field = rule.get("fieldPath", "").removeprefix(".")
            yield ShapeProblem((*at, field) if field else at, rule["message"])
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from _walk(value[name], child, (*at, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, schema.get("items", {}), (*at, index))


def _holds(rule: str, value: Any) -> bool:
    """Evaluate one rule; an error inside it (a missing key) breaks it, as in the API server."""
    result = _compile(rule).eval(data={"self": value})
    return result.value() is True


@lru_cache(maxsize=256)
def _compile(rule: str) -> Any:
    try:
        from cel_expr_python import cel
    except ImportError as error:
        raise MissingExtraError("cli", "Checking the rules of the kinds") from error
    return cel.NewEnv(variables={"self": cel.Type.DYN}).compile(rule)
