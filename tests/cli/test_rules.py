"""CEL rules offline: each has an object that it accepts and one that it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_api.schema import VALIDATIONS, Schema, build_schema
from steward_api.shape import fill_defaults
from steward_api.v1alpha1 import KINDS
from steward_cli.rules import OLD_SELF, check_rules
from steward_kinds.objects import Manifest, build_object
from steward_kinds.rule_cases import RULE_CASES, RuleCase

SCHEMAS = {kind.NAMES.kind: build_schema(kind) for kind in KINDS}


def messages_of(manifest: Manifest) -> list[str]:
    """Return the messages of every rule that an object breaks."""
    schema = SCHEMAS[manifest["kind"]]
    return [problem.message for problem in check_rules(fill_defaults(manifest, schema), schema)]


def rules_of(schema: Schema) -> Iterator[str]:
    """Yield the message of every rule of a schema that an object can break by itself."""
    for rule in schema.get(VALIDATIONS, ()):
        if OLD_SELF not in rule["rule"]:
            yield rule["message"]
    for child in schema.get("properties", {}).values():
        yield from rules_of(child)
    if "items" in schema:
        yield from rules_of(schema["items"])


@pytest.mark.parametrize("case", RULE_CASES, ids=lambda case: case.id)
def test_accepts_and_refuses_as_the_table_says(case: RuleCase) -> None:
    """The refused object breaks the named rule, the accepted one none."""
    assert messages_of(case.accepted) == []
    assert [m for m in messages_of(case.refused) if m.startswith(case.message)]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_rule_has_a_case(kind: str) -> None:
    """A rule that no case refuses could be missing without anyone noticing."""
    refused = {m for case in RULE_CASES if case.kind == kind for m in messages_of(case.refused)}
    assert set(rules_of(SCHEMAS[kind])) == refused


@pytest.mark.parametrize("kind", SCHEMAS)
def test_small_objects_break_no_rule(kind: str) -> None:
    """What the tables start from is valid."""
    assert messages_of(build_object(kind)) == []


def test_a_rule_that_fails_to_evaluate_is_broken() -> None:
    """A rule about a key that is not there refuses, as it does in the API server."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        VALIDATIONS: [{"rule": "self.a == 'x'", "message": "a must be x", "fieldPath": ".a"}],
    }
    (problem,) = check_rules({}, schema)
    assert (problem.at, problem.message) == (("a",), "a must be x")


def test_judges_items_of_lists() -> None:
    """A rule inside a list is evaluated for every item, and names it."""
    rule = {"rule": "self.n > 1", "message": "n must be more than 1"}
    item = {"type": "object", "properties": {"n": {"type": "integer"}}, VALIDATIONS: [rule]}
    schema = {
        "type": "object",
        "properties": {"list": {"type": "array", "items": item}},
    }
    (problem,) = check_rules({"list": [{"n": 2}, {"n": 1}]}, schema)
    assert problem.at == ("list", 1)


def test_leaves_a_rule_over_the_older_object_to_the_api_server() -> None:
    """A file has no older version, so nothing in it can have become less."""
    rule = {"rule": "self.a >= oldSelf.a", "message": "a must not become less, because of b"}
    schema: Schema = {"properties": {"a": {"type": "integer"}}, VALIDATIONS: [rule]}
    assert check_rules({"a": 1}, schema) == ()
