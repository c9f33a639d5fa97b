"""Laws of bounds, over many policies: a further one only narrows, and what is served is within."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward_api.blueprint import BLUEPRINT_FILE, TRUST_FILE, Blueprint, Trust
from steward_api.v1alpha1 import Assistant, ClusterAssistantPolicy
from steward_operator.names import HTTP_PORT
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.bounds import Bounds, check_bounds, select_bounds
from steward_operator.plan.narrowing import (
    check_served,
    resolve_destinations,
    resolve_guests,
    resolve_zones,
)
from steward_plans.objects import (
    NAMESPACE,
    blueprint_of,
    make_assistant,
    make_cluster_policy,
    make_objects,
    make_world,
)

LAWS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMESPACES = st.lists(st.sampled_from([NAMESPACE, "te*", "other", "web"]), max_size=2, unique=True)
HOSTS = st.lists(
    st.sampled_from(["models.example.com", "*.example.com", "tickets.desk.svc", "*.desk.svc"]),
    max_size=3,
    unique=True,
)
ZONES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)
CIDRS = st.lists(st.sampled_from(["10.0.0.0/8", "10.20.0.0/16", "fd00::/8"]), unique=True)
SECONDS = st.sampled_from([60, 3_600, 7_200])


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw bounds on the windows of one class."""
    least, greatest = sorted((draw(SECONDS), draw(SECONDS)))
    drawn = {"minKeepSeconds": least, "maxKeepSeconds": greatest}
    kept = draw(st.sets(st.sampled_from(sorted(drawn))))
    name = draw(st.sampled_from(["Memory", "Tasks"]))
    return {"windows": [{"class": name, **{key: drawn[key] for key in kept}}]}


POLICIES = st.lists(
    st.builds(
        make_cluster_policy,
        name=st.sampled_from(["p", "q", "r"]),
        namespaces=NAMESPACES,
        models=st.none() | st.fixed_dictionaries({"allowedHosts": HOSTS}),
        tools=st.none() | st.fixed_dictionaries({"allowedHosts": HOSTS}),
        retention=st.none() | windows(),
        residency=st.none() | st.fixed_dictionaries({"allowedZones": ZONES}),
        exposure=st.none()
        | st.fixed_dictionaries({"allowedNamespaces": NAMESPACES, "allowedCidrs": CIDRS}),
        requiredDeletionPolicy=st.sampled_from([None, "Erase", "Retain"]),
    ),
    max_size=3,
)
PEERS = st.lists(st.sampled_from([NAMESPACE, "web", "app"]), max_size=3, unique=True)
ASSISTANTS = st.builds(
    make_assistant,
    exposure=st.builds(
        lambda peers, cidrs: {
            "allowedFrom": [{"namespace": name} for name in peers],
            "allowedCidrs": cidrs,
        },
        PEERS,
        CIDRS,
    ),
    residency=st.none() | st.fixed_dictionaries({"zones": ZONES}),
    deletionPolicy=st.sampled_from(["Erase", "Retain"]),
)


def bounds_of(policies: list[ClusterAssistantPolicy], unknown: str = "") -> Bounds:
    """Return what policies mean for the namespace of the objects."""
    return select_bounds(policies, NAMESPACE, unknown)


@LAWS
@given(POLICIES, POLICIES, ASSISTANTS)
def test_a_further_policy_only_narrows(
    some: list[ClusterAssistantPolicy], more: list[ClusterAssistantPolicy], assistant: Assistant
) -> None:
    """Problems add up; destinations, guests and zones become fewer."""
    first, both = bounds_of(some), bounds_of([*some, *more])
    for object_ in (assistant, *make_objects()):
        found = {*check_bounds(object_, first), *check_bounds(object_, bounds_of(more))}
        assert set(check_bounds(object_, both)) == found
    blueprint = blueprint_of(make_world(assistant))
    before, after = (resolve_destinations(blueprint, b, NAMESPACE) for b in (first, both))
    assert set(after) <= set(before)
    guests, fewer = resolve_guests(assistant, first), resolve_guests(assistant, both)
    assert (guests is None) == (fewer is None)
    if guests is not None and fewer is not None:
        assert set(fewer.pods) <= set(guests.pods)
        assert set(fewer.cidrs) <= set(guests.cidrs)
    assert places(resolve_zones(assistant, both)) <= places(resolve_zones(assistant, first))


def places(sets: tuple[tuple[str, ...], ...]) -> frozenset[str]:
    """Return the zones that satisfy every set; all of them where there is none."""
    return frozenset("abc").intersection(*(frozenset(zones) for zones in sets))


@LAWS
@given(POLICIES, ASSISTANTS, st.booleans(), st.booleans())
def test_what_is_served_is_within_or_denied(
    policies: list[ClusterAssistantPolicy],
    assistant: Assistant,
    has_run: bool,
    is_unknown: bool,
) -> None:
    """Whatever ran before: beyond its bounds nothing is served without a denial."""
    world = make_world(assistant)
    bounds = bounds_of(policies, "nobody may list them" if is_unknown else "")
    last = blueprint_of(world) if has_run else None
    plan = plan_assistant(replace(world, bounds=bounds, last_blueprint=last))
    files = {name: text for c in plan.children for name, text in (c.get("data") or {}).items()}
    if BLUEPRINT_FILE not in files:
        assert plan.children == ()
        return
    blueprint = Blueprint.model_validate_json(files[BLUEPRINT_FILE])
    denial = Trust.model_validate_json(files[TRUST_FILE]).denial
    assert (denial is not None) == bool(check_served(assistant, blueprint, bounds))
    assert is_unknown <= (denial is not None)


@LAWS
@given(POLICIES, ASSISTANTS)
def test_nobody_gets_in_beyond_the_bounds(
    policies: list[ClusterAssistantPolicy], assistant: Assistant
) -> None:
    """No rule of the NetworkPolicy lets everybody in, and each peer is one that was named."""
    world = make_world(assistant, last_blueprint=blueprint_of(make_world(assistant)))
    plan = plan_assistant(replace(world, bounds=bounds_of(policies)))
    named = {peer.namespace for peer in assistant.spec.exposure.allowed_from}
    for rule in ingress_of(plan.children):
        assert rule["from"]
        for peer in rule["from"]:
            namespace = peer.get("namespaceSelector", {}).get("matchLabels", {})
            assert set(namespace.values()) <= named


def ingress_of(children: tuple[Manifest, ...]) -> list[Manifest]:
    """Return the rules about the API's port."""
    specs = [child["spec"] for child in children if child["kind"] == "NetworkPolicy"]
    rules = [rule for spec in specs for rule in spec.get("ingress", ())]
    return [rule for rule in rules if rule["ports"][0]["port"] == HTTP_PORT]
