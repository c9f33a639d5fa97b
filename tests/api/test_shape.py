"""Shape: documents are checked as the API server checks them, and every problem is named."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_api.schema import build_schema
from steward_api.shape import check_shape, fill_defaults, render_path
from steward_api.v1alpha1 import Assistant, Model

SPEC = build_schema(Assistant)["properties"]["spec"]
MODEL_SPEC = build_schema(Model)["properties"]["spec"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.text(max_size=4) | st.just("OpenAI"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*MODEL_SPEC["properties"], "name", "other"]), inner)
    ),
    max_leaves=8,
)


def spec(**changes: Any) -> dict[str, Any]:
    """Return a spec of an Assistant that is right but for `changes`."""
    right: dict[str, Any] = {
        "purpose": "support",
        "owner": "team",
        "promptRef": {"name": "p"},
        "modelRefs": [{"name": "m"}],
        "retentionPolicyRef": {"name": "r"},
    }
    return {name: value for name, value in {**right, **changes}.items() if value != "absent"}


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"owner": "absent"}, "owner", "must be set"),
        ({"ownr": "team"}, "ownr", "is not a field; did you mean owner?"),
        ({"colour": "red"}, "colour", "is not a field"),
        ({"owner": 5}, "owner", "must be a string, not an integer"),
        ({"owner": True}, "owner", "must be a string, not true or false"),
        ({"owner": None}, "owner", "must be a string, not null: leave the field out instead"),
        ({"owner": 1.5}, "owner", "must be a string, not a number with a fraction"),
        ({"owner": ""}, "owner", "must have at least 1 characters"),
        ({"owner": "x" * 129}, "owner", "must have at most 128 characters"),
        ({"storage": {"size": "5GB\n"}}, "storage.size", "must match ^[1-9][0-9]{0,5}("),
        ({"storage": {"size": "5Gi\n"}}, "storage.size", "must match ^[1-9][0-9]{0,5}("),
        ({"limits": {"concurrentTasks": 0}}, "limits.concurrentTasks", "must be at least 1"),
        ({"limits": {"queuedTasks": 10_001}}, "limits.queuedTasks", "must be at most 10000"),
        ({"limits": {"queuedTasks": "5"}}, "limits.queuedTasks", "must be an integer, not a"),
        ({"modelRefs": []}, "modelRefs", "must have at least 1 items"),
        ({"modelRefs": {"name": "m"}}, "modelRefs", "must be a list, not a map of fields"),
        (
            {"toolRefs": [{"name": "a"}, {"name": "a"}]},
            "toolRefs[1]",
            "must not repeat the name of item 0",
        ),
        ({"toolRefs": [{"name": "A"}]}, "toolRefs[0].name", "must match"),
        ({"exposed": {}}, "exposed", "is not a field"),
    ],
)  # fmt: skip
def test_names_the_field_and_what_it_must_be(
    changes: dict[str, Any], path: str, message: str
) -> None:
    """Each problem says where and how to mend it."""
    (problem,) = check_shape(spec(**changes), SPEC)
    assert render_path(problem.at) == path
    assert problem.message.startswith(message)


def test_reports_all_problems_at_once() -> None:
    """A user mends a file in one go."""
    wrong = spec(owner=5, purpose="absent", suspend="yes", limits={"foo": 1})
    paths = {render_path(problem.at) for problem in check_shape(wrong, SPEC)}
    assert paths == {"owner", "purpose", "suspend", "limits.foo"}


def test_refuses_values_that_a_set_repeats() -> None:
    """A list of scalars that is a set names each value once."""
    document = {"type": "OpenAI", "modelName": "m", "abilities": ["Chat", "Chat"]}
    (problem,) = check_shape(document, MODEL_SPEC)
    assert render_path(problem.at) == "abilities[1]"


def test_suggests_the_nearest_value_of_an_enumeration() -> None:
    """A value that differs in case only is recognised."""
    (problem,) = check_shape({"type": "openai", "modelName": "m"}, MODEL_SPEC)
    assert problem.message == "must be one of OpenAI, Local; did you mean OpenAI?"


def test_leaves_free_objects_alone() -> None:
    """What is preserved by the API server is not judged here."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert check_shape({"anything": [1, None]}, free) == ()


def test_takes_null_as_absent_where_nothing_is_required() -> None:
    """The API server drops such a null, and fills in the default if there is one."""
    document = spec(limits=None, memoryPolicyRef=None)
    assert check_shape(document, SPEC) == ()
    assert "memoryPolicyRef" not in fill_defaults(document, SPEC)
    assert fill_defaults(document, SPEC)["limits"]["queuedTasks"] == 64


@given(VALUES)
def test_refuses_what_json_schema_refuses(value: Any) -> None:
    """A judge that is not ours agrees, but for what only Kubernetes knows."""
    document = fill_defaults(value, MODEL_SPEC)
    refused_by_both = check_shape(document, MODEL_SPEC)
    closed = close(MODEL_SPEC)
    if not jsonschema.Draft202012Validator(closed).is_valid(document):
        assert refused_by_both != ()


@given(VALUES)
def test_filling_defaults_twice_changes_nothing(value: Any) -> None:
    """Defaults are final: the stored object is read back as it is."""
    once = fill_defaults(value, MODEL_SPEC)
    assert fill_defaults(once, MODEL_SPEC) == once


def close(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for a JSON Schema judge that refuses unknown fields as Kubernetes does."""
    closed = dict(schema)
    if "properties" in schema:
        closed["additionalProperties"] = False
        closed["properties"] = {name: close(child) for name, child in schema["properties"].items()}
    if "items" in schema:
        closed["items"] = close(schema["items"])
    return closed
