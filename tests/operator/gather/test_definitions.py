"""Served schemas: what is missing or older is named, and what is newer is no fault."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from steward_api.meta import GROUP, VERSION
from steward_api.schema import build_schema
from steward_api.v1alpha1 import KINDS
from steward_operator.gather.definitions import check_definitions, find_missing_fields


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What an API server documents about our kinds."""
    schemas = {}
    for kind in KINDS:
        known = {"group": GROUP, "version": VERSION, "kind": kind.NAMES.kind}
        schemas[kind.NAMES.kind] = {
            **build_schema(kind),
            "x-kubernetes-group-version-kind": [known],
        }
    return {"components": {"schemas": schemas}}


def test_what_this_version_generates_is_complete(document: dict[str, Any]) -> None:
    """Nothing is missing from our own schemas."""
    assert check_definitions(document) == ()


def test_every_kind_is_missing_where_nothing_is_served() -> None:
    """Each is named as `kubectl get crd` names it."""
    problems = check_definitions({})
    assert len(problems) == len(KINDS)
    assert f"assistants.{GROUP} is missing" in problems


def test_an_older_definition_is_named_with_what_it_lacks(document: dict[str, Any]) -> None:
    """A field of the spec, one of the status, and one inside a list."""
    older = copy.deepcopy(document)
    properties = older["components"]["schemas"]["Assistant"]["properties"]
    del properties["spec"]["properties"]["suspend"]
    del properties["status"]["properties"]["blueprintDigest"]
    del properties["spec"]["properties"]["toolRefs"]["items"]["properties"]["name"]
    (problem,) = check_definitions(older)
    assert problem.startswith(f"assistants.{GROUP} is older: it lacks ")
    assert "spec.suspend" in problem
    assert "spec.toolRefs[].name" in problem
    assert "status.blueprintDigest" in problem


def test_a_newer_definition_is_no_fault(document: dict[str, Any]) -> None:
    """An operator that was put back works with the kinds of its successor."""
    newer = copy.deepcopy(document)
    for schema in newer["components"]["schemas"].values():
        schema["properties"]["spec"]["properties"]["fromTheFuture"] = {"type": "string"}
    assert check_definitions(newer) == ()


def test_many_missing_fields_are_counted() -> None:
    """The message stays short."""
    wanted: dict[str, Any] = {"properties": {name: {} for name in "abcdef"}}
    assert find_missing_fields(wanted, {}) == tuple("abcdef")
