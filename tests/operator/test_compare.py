"""compare: what we want is there, or it is not; nothing else counts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from steward_operator.compare import find_differences, has_drifted, parse_quantity
from steward_operator.plan.assistant import plan_assistant
from steward_plans.objects import make_world

DEPLOYMENT: dict[str, Any] = next(
    child for child in plan_assistant(make_world()).children if child["kind"] == "Deployment"
)
POLICY: dict[str, Any] = next(
    child for child in plan_assistant(make_world()).children if child["kind"] == "NetworkPolicy"
)


def changed(manifest: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """Return a copy with one value replaced."""
    copied = copy.deepcopy(manifest)
    node = copied
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = to
    return copied


def test_an_object_equals_itself() -> None:
    """Nothing differs from what was written."""
    assert find_differences(DEPLOYMENT, copy.deepcopy(DEPLOYMENT)) == ()


def test_defaults_and_fields_of_others_do_not_count() -> None:
    """What we never name may be anything."""
    observed = changed(DEPLOYMENT, "status", to={"replicas": 1})
    observed["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "3"}
    observed["metadata"]["labels"]["team"] = "x"
    observed["spec"]["progressDeadlineSeconds"] = 600
    template = observed["spec"]["template"]["spec"]
    template["containers"].insert(0, {"name": "mesh", "image": "mesh:1"})
    template["volumes"].append({"name": "mesh", "emptyDir": {}})
    template["containers"][1]["env"].reverse()
    assert not has_drifted(DEPLOYMENT, observed)


@pytest.mark.parametrize(
    ("desired", "observed", "are_equal"),
    [
        ("1000m", "1", True),
        ("0.5", "500m", True),
        ("1Gi", "1024Mi", True),
        ("1Gi", "1G", False),
        ("100m", "0.2", False),
        ("512Mi", None, False),
    ],
)
def test_quantities_are_equal_by_value(desired: str, observed: str | None, are_equal: bool) -> None:
    """The API server may write a quantity in another way than we do."""
    wanted = {"resources": {"requests": {"cpu": desired}}}
    found = {"resources": {"requests": {"cpu": observed}}}
    assert has_drifted(wanted, found) is not are_equal


def test_what_looks_like_a_quantity_elsewhere_is_text() -> None:
    """An argument `1000m` is not the argument `1`."""
    assert has_drifted({"args": ["1000m"]}, {"args": ["1"]})
    assert has_drifted({"data": {"a": "1000m"}}, {"data": {"a": "1"}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), 2),
        (("spec", "replicas"), True),
        (("spec", "template", "spec", "containers", 0, "image"), "other"),
        (("spec", "template", "spec", "containers", 0, "args"), []),
        (("spec", "template", "spec", "containers"), []),
        (("spec", "template", "spec", "volumes", 3), {"name": "temporary", "hostPath": {}}),
        (("spec", "template", "spec", "automountServiceAccountToken"), True),
        (("metadata", "ownerReferences"), []),
        (("metadata", "labels"), {}),
        (("spec", "selector", "matchLabels", "more"), "x"),
    ],
)
def test_a_hand_edit_shows(path: tuple[Any, ...], value: Any) -> None:
    """Every field that we name is held."""
    assert has_drifted(DEPLOYMENT, changed(DEPLOYMENT, *path, to=value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "ingress", 0, "ports", 0, "endPort"), 9_999),
        (("spec", "ingress", 0, "from"), [{"podSelector": {}}, {"namespaceSelector": {}}]),
        (("spec", "egress"), [{}]),
        (("spec", "podSelector", "matchLabels", "more"), "x"),
    ],
)
def test_a_policy_that_was_widened_shows(path: tuple[Any, ...], value: Any) -> None:
    """Rules of a NetworkPolicy must be exactly ours."""
    assert has_drifted(POLICY, changed(POLICY, *path, to=value))


def test_an_empty_rule_list_may_be_left_out() -> None:
    """The API server drops empty lists."""
    assert not has_drifted({"spec": {"ingress": []}}, {"spec": {}})


def test_a_key_that_was_added_to_a_config_map_shows() -> None:
    """We own the data of our ConfigMaps whole; labels and annotations we share."""
    wanted = {"metadata": {"labels": {"a": "1"}}, "data": {"a": "1"}}
    assert has_drifted(wanted, {**wanted, "data": {"a": "1", "b": "2"}})
    assert not has_drifted(wanted, {**wanted, "metadata": {"labels": {"a": "1", "b": "2"}}})


def test_differences_are_named_by_path() -> None:
    """A log can say what was mended."""
    observed = changed(DEPLOYMENT, "spec", "template", "spec", "containers", 0, "image", to="x")
    assert find_differences(DEPLOYMENT, observed) == (
        "spec.template.spec.containers.runtime.image",
    )


@pytest.mark.parametrize("text", ["", "abc", "-1", "1e3x", "1 Gi", None, {}])
def test_what_is_no_quantity_has_no_value(text: Any) -> None:
    """Comparison falls back to equality then."""
    assert parse_quantity(text) is None
