"""Bounds of the platform team: who goes beyond them, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_operator.plan.bounds import UNBOUNDED, Bounds, check_bounds, select_bounds
from steward_operator.plan.parsing import OwnObject
from steward_plans.objects import (
    WINDOWS,
    make_assistant,
    make_cluster_policy,
    make_local_model,
    make_model,
    make_prompt,
    make_retention_policy,
    make_tool,
)


def problems(object_: OwnObject, *policies: dict[str, Any]) -> tuple[Problem, ...]:
    """Return what policies with these specs say of an object."""
    named = (make_cluster_policy(f"p{index}", **spec) for index, spec in enumerate(policies))
    return check_bounds(object_, select_bounds(named, object_.metadata.namespace))


WEB = {"allowedFrom": [{"namespace": "web"}]}
OFFICE = {"allowedCidrs": ["10.20.0.0/16"]}

BEYOND = [
    (make_model(), {"models": {"allowedHosts": ["other.example.com"]}}, "spec.openAI.baseUrl"),
    (make_model(), {"models": {"allowedHosts": []}}, "spec.openAI.baseUrl"),
    (make_tool(), {"tools": {"allowedHosts": ["*.example.com"]}}, "spec.http.url"),
    (
        make_retention_policy(),
        {"retention": {"windows": [{"class": "Memory", "minKeepSeconds": 3_601}]}},
        "spec.windows[Memory].keepSeconds",
    ),
    (
        make_retention_policy(),
        {"retention": {"windows": [{"class": "Tasks", "maxKeepSeconds": 3_599}]}},
        "spec.windows[Tasks].keepSeconds",
    ),
    (make_assistant(), {"requiredDeletionPolicy": "Erase"}, "spec.deletionPolicy"),
    (
        make_assistant(residency={"zones": ["a", "b"]}),
        {"residency": {"allowedZones": ["a"]}},
        "spec.residency.zones",
    ),
    (
        make_assistant(exposure=WEB),
        {"exposure": {"allowedNamespaces": ["app*"]}},
        "spec.exposure.allowedFrom[web]",
    ),
    (
        make_assistant(exposure=OFFICE),
        {"exposure": {"allowedCidrs": ["10.0.0.0/16"]}},
        "spec.exposure.allowedCidrs",
    ),
]


@pytest.mark.parametrize(("object_", "spec", "field"), BEYOND, ids=lambda each: str(each)[:30])
def test_names_policy_field_and_remedy(
    object_: OwnObject, spec: dict[str, Any], field: str
) -> None:
    """Whoever reads the condition knows what to change, and whom to ask."""
    (found,) = problems(object_, spec)
    assert (found.field, found.reason) == (field, Reason.BEYOND_CLUSTER_POLICY)
    assert "ClusterAssistantPolicy p0" in found.message
    assert "ask the platform team" in found.message
    assert "spec." in found.message


WITHIN = [
    (make_model(), {"models": {"allowedHosts": ["*.example.com"]}}),
    (make_model(), {"tools": {"allowedHosts": []}}),
    (make_local_model(), {"models": {"allowedHosts": []}}),
    (make_tool(), {"tools": {"allowedHosts": ["tickets.desk.svc"]}}),
    (make_tool(), {"models": {"allowedHosts": []}}),
    (
        make_retention_policy(),
        {
            "retention": {
                "windows": [{"class": "Memory", "minKeepSeconds": 3_600, "maxKeepSeconds": 3_600}]
            }
        },
    ),
    (make_assistant(deletionPolicy="Erase"), {"requiredDeletionPolicy": "Erase"}),
    (make_assistant(residency={"zones": ["a"]}), {"residency": {"allowedZones": ["a", "b"]}}),
    (make_assistant(), {"residency": {"allowedZones": ["a"]}}),
    (
        make_assistant(exposure={**WEB, **OFFICE}),
        {"exposure": {"allowedNamespaces": ["w*"], "allowedCidrs": ["10.0.0.0/8"]}},
    ),
    (
        make_assistant(exposure={"allowedFrom": [{"namespace": "team"}]}),
        {"exposure": {"allowedNamespaces": []}},
    ),
    (make_prompt(), {"models": {"allowedHosts": []}, "tools": {"allowedHosts": []}}),
]


@pytest.mark.parametrize(("object_", "spec"), WITHIN, ids=lambda each: str(each)[:30])
def test_says_nothing_of_what_is_within(object_: OwnObject, spec: dict[str, Any]) -> None:
    """A bound speaks of its own field alone, and its edge is inside."""
    assert problems(object_, spec) == ()


@pytest.mark.parametrize(
    ("patterns", "is_governed"),
    [([], True), (["team"], True), (["te*"], True), (["other", "*am"], True), (["tea"], False)],
)
def test_governs_the_namespaces_that_it_names(patterns: list[str], is_governed: bool) -> None:
    """No name means every namespace."""
    spec = {"namespaces": patterns, "models": {"allowedHosts": []}}
    assert bool(problems(make_model(), spec)) is is_governed


def test_every_policy_must_hold() -> None:
    """What one of two policies refuses is refused, and each says so."""
    wide: dict[str, Any] = {"models": {"allowedHosts": ["*.example.com"]}}
    narrow: dict[str, Any] = {"models": {"allowedHosts": []}}
    assert len(problems(make_model(), wide, narrow)) == 1
    assert len(problems(make_model(), narrow, narrow)) == 2


@pytest.mark.parametrize(
    "object_", [make_assistant(), make_model(), make_tool(), make_retention_policy()]
)
def test_unknown_bounds_allow_nothing(object_: OwnObject) -> None:
    """What cannot be read could forbid anything."""
    (found,) = check_bounds(object_, Bounds(unknown="nobody may list them"))
    assert found.reason is Reason.CLUSTER_POLICY_UNREADABLE
    assert found.message == "nobody may list them"


def test_without_a_policy_everything_is_within() -> None:
    """Bounds are an offer to platform teams, not a duty."""
    assert check_bounds(make_retention_policy(windows=WINDOWS), UNBOUNDED) == ()
