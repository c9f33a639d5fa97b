"""Laws of the plan, over many worlds: it settles, it is fair, and it never falls over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward_api.meta import DNS_SUBDOMAIN_PATTERN, HTTP_URL_PATTERN
from steward_api.v1alpha1 import Tool
from steward_operator import labels
from steward_operator.names import AnchorRole, Component
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.json_schema import check_arguments_schema
from steward_operator.plan.parsing import OwnObject, parse_object
from steward_operator.plan.world import Anchor, Broken, MountFailure, World
from steward_plans.cluster import Cluster
from steward_plans.objects import (
    ENTROPY,
    NAMESPACE,
    UID,
    make_assistant,
    make_embedder,
    make_local_model,
    make_memory_policy,
    make_model,
    make_prompt,
    make_retention_policy,
    make_tool,
    make_world,
    with_object,
    without_object,
)

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ASSISTANTS = st.builds(
    make_assistant,
    suspend=st.booleans(),
    modelRefs=st.lists(
        st.sampled_from([{"name": "chat"}, {"name": "gone"}, {"name": "embedder"}]),
        min_size=1,
        max_size=3,
        unique_by=lambda ref: ref["name"],
    ),
    toolRefs=st.lists(
        st.sampled_from([{"name": "find-ticket"}, {"name": "add-comment"}, {"name": "gone"}]),
        max_size=3,
        unique_by=lambda ref: ref["name"],
    ),
    memoryPolicyRef=st.sampled_from([None, {"name": "notes"}, {"name": "gone"}]),
    retentionPolicyRef=st.sampled_from([{"name": "short"}, {"name": "short"}, {"name": "gone"}]),
    storage=st.sampled_from([{"size": "1Gi"}, {"size": "512Mi"}]),
    authentication=st.sampled_from([None, {"keysSecretRef": {"name": "people"}}]),
)
"""Assistants whose references may lead nowhere."""

CHANGE_CHOICES: list[OwnObject | Broken] = [
    make_model(openAI={"baseUrl": "http://models.ml.svc:9000/v1"}),
    make_embedder("chat"),
    make_local_model(),
    make_embedder(),
    make_tool(contract=None),
    make_tool(inputSchema={"type": "string"}),
    make_tool("add-comment", description="Write a comment."),
    make_prompt(template="{{nobody}}"),
    make_prompt(template="Be brief."),
    make_memory_policy(recall={"mode": "Hybrid", "embedderRef": {"name": "embedder"}}),
    make_retention_policy(purge={"intervalMinutes": 15}),
    make_retention_policy(purge={"intervalMinutes": 7}),
    Broken("RetentionPolicy", "short", "spec.windows: Field required"),
    Broken("Tool", "find-ticket", "spec: Field required"),
]
CHANGES = st.lists(st.sampled_from(CHANGE_CHOICES), max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world before anything was made."""
    world = make_world(draw(ASSISTANTS))
    for change in draw(CHANGES):
        world = with_object(world, change)
    return world


@LAWS
@given(worlds())
def test_planning_on_the_applied_result_writes_nothing(world: World) -> None:
    """Every world settles within a few rounds, and then there are no writes."""
    cluster = Cluster()
    settled = cluster.settle(world)
    plan = plan_assistant(settled)
    written = list(cluster.writes)
    cluster.apply(settled, plan)
    assert cluster.writes == written
    assert (plan.status, plan.events, plan.prune) == (None, (), ())


@LAWS
@given(worlds(), worlds())
def test_any_world_can_follow_any_other(first: World, second: World) -> None:
    """After a change the result is that of a fresh start, Secrets and kept data apart."""
    cluster = Cluster()
    status = cluster.settle(first).assistant.status
    assistant = second.assistant.model_copy(update={"status": status})
    settled = cluster.settle(replace(second, assistant=assistant))
    assert plan_assistant(settled).status is None


@LAWS
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_references_and_objects_does_not_matter(world: World, random: Any) -> None:
    """Tools are a set, objects come in any order; only models have an order of their own."""
    spec = world.assistant.spec
    tools = list(spec.tool_refs)
    random.shuffle(tools)
    shuffled = world.assistant.model_copy(
        update={"spec": spec.model_copy(update={"tool_refs": tuple(tools)})}
    )
    turned = replace(
        world,
        assistant=shuffled,
        tools=dict(reversed(list(world.tools.items()))),
        models=dict(reversed(list(world.models.items()))),
        children=tuple(reversed(world.children)),
    )
    assert plan_assistant(turned) == plan_assistant(world)


@LAWS
@given(worlds(), st.sampled_from(["broken", "missing", "malformed"]))
def test_a_broken_tool_is_as_if_it_were_not_named(world: World, fault: str) -> None:
    """The children are those of an Assistant that does not refer to the Tool."""
    if fault == "missing":
        spoilt = without_object(world, "Tool", "find-ticket")
    elif fault == "broken":
        spoilt = with_object(world, Broken("Tool", "find-ticket", "why"))
    else:
        spoilt = with_object(world, make_tool(inputSchema={"type": "string"}))
    spec = world.assistant.spec
    kept = tuple(ref for ref in spec.tool_refs if ref.name != "find-ticket")
    unnamed = world.assistant.model_copy(
        update={"spec": spec.model_copy(update={"tool_refs": kept})}
    )
    without = plan_assistant(replace(world, assistant=unnamed))
    assert plan_assistant(spoilt).children == without.children


def observed_child(name: str, kind: str, uid: str, assistant: str, namespace: str) -> Manifest:
    """Return an observed object that looks like a child."""
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{name}",
            "resourceVersion": "1",
            "labels": labels.labels_of_owned_child(assistant, Component.RUNTIME),
            "ownerReferences": [{"uid": uid, "controller": True}],
        },
    }


FOREIGN = st.builds(
    observed_child,
    name=st.sampled_from(["desk", "desk-trust", "other", "desk-admin"]),
    kind=st.sampled_from(["ConfigMap", "Deployment", "Service", "CronJob", "ServiceAccount"]),
    uid=st.sampled_from([UID, "another-uid"]),
    assistant=st.sampled_from(["desk", "other"]),
    namespace=st.sampled_from([NAMESPACE, "other"]),
)


@LAWS
@given(worlds(), st.lists(FOREIGN, max_size=6))
def test_no_child_of_another_assistant_is_ever_pruned(
    world: World, children: list[Manifest]
) -> None:
    """What goes carries our label, our owner and our namespace."""
    plan = plan_assistant(replace(world, children=tuple(children)))
    for key in plan.prune:
        (found,) = {
            str(child["metadata"])
            for child in children
            if child["kind"] == key.kind
            and child["metadata"]["uid"] == key.uid
            and child["metadata"]["namespace"] == key.namespace
            and child["metadata"]["labels"][labels.ASSISTANT] == "desk"
            and child["metadata"]["ownerReferences"][0]["uid"] == UID
        }
        assert found


PRESENCE = st.dictionaries(
    st.sampled_from(
        [
            f"desk-{role}-{ENTROPY[anchor]}"
            for role, anchor in (
                ("api", AnchorRole.ACCESS),
                ("purge", AnchorRole.ACCESS),
                ("encryption", AnchorRole.KEYS),
                ("signing", AnchorRole.KEYS),
            )
        ]
    ),
    st.booleans(),
)


@LAWS
@given(worlds(), PRESENCE, st.sets(st.sampled_from(AnchorRole)), st.booleans())
def test_a_key_of_existing_data_is_never_made_anew(
    world: World, present: dict[str, bool], roles: set[AnchorRole], has_failed_mounts: bool
) -> None:
    """Whatever was probed: where data exists, keys that encrypt and sign are never created."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "desk-data",
            "namespace": NAMESPACE,
            "labels": labels.labels_of_kept_child("desk", Component.STORAGE),
            "annotations": {labels.KEYS_ANCHOR: "desk-keys-anchor-1"},
        },
    }
    plan = plan_assistant(
        replace(
            world,
            children=(claim,),
            anchors={role: Anchor(role, 1, ENTROPY[role]) for role in roles},
            secrets_present=present,
            mount_failures=(MountFailure("desk-x"),) if has_failed_mounts else (),
        )
    )
    assert AnchorRole.KEYS not in {planned.anchor.role for planned in plan.anchors_to_create}
    assert not [s for s in plan.secrets_to_create if s.anchor.role is AnchorRole.KEYS]


@LAWS
@given(worlds())
def test_stalled_and_reconciling_exclude_each_other(world: World) -> None:
    """Either the operator moves, or somebody must; a settled object is neither."""
    cluster = Cluster()
    for seen in (world, cluster.settle(world)):
        plan = plan_assistant(seen)
        if plan.status is None:
            continue
        found = {entry["type"]: entry for entry in plan.status["conditions"]}
        assert {found["Stalled"]["status"], found["Reconciling"]["status"]} != {"True"}
        if found["Ready"]["status"] == "True":
            assert found["Reconciling"]["status"] == "False"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYWORDS = st.sampled_from(
    ["type", "properties", "required", "items", "anyOf", "$ref", "enum", "minimum", "pattern"]
)
SCHEMAS = st.dictionaries(KEYWORDS | st.text(max_size=8), JSON, max_size=5)


@LAWS
@given(SCHEMAS)
def test_any_schema_is_judged_and_never_raises(schema: dict[str, Any]) -> None:
    """A Tool with any JSON for a schema gets a verdict, and the assistant a plan."""
    found: Tool = make_tool()
    spec = found.spec.model_copy(update={"input_schema": schema})
    world = with_object(make_world(), found.model_copy(update={"spec": spec}))
    verdict = check_arguments_schema(schema, "spec.inputSchema")
    dropped = '"find-ticket"' not in str(plan_assistant(world).children)
    assert dropped or not verdict


@LAWS
@given(
    st.dictionaries(
        st.sampled_from(["apiVersion", "kind", "metadata", "spec", "status", "more"]),
        JSON | st.sampled_from(["Tool", "Assistant"]),
    )
)
def test_any_document_is_read_or_broken(document: dict[str, Any]) -> None:
    """Whatever an API server or a file holds, parsing raises nothing."""
    parsed = parse_object(document)
    assert isinstance(parsed, Broken) or parsed.kind == document["kind"]


URLS = st.from_regex(HTTP_URL_PATTERN, fullmatch=True).filter(lambda url: 8 <= len(url) <= 2_048)
NAMES = st.from_regex(DNS_SUBDOMAIN_PATTERN, fullmatch=True).filter(lambda name: len(name) <= 63)


@LAWS
@given(URLS, URLS, st.text(min_size=1, max_size=40), NAMES)
def test_any_url_template_and_name_is_planned(
    base_url: str, tool_url: str, template: str, credential: str
) -> None:
    """What the schema lets through never makes the plan fall over."""
    endpoint = {"baseUrl": base_url, "credentialSecretRef": {"name": credential}}
    world = make_world()
    for object_ in (
        make_model(openAI=endpoint),
        make_tool(http={"url": tool_url}),
        make_prompt(template=template),
    ):
        world = with_object(world, object_)
    cluster = Cluster()
    assert plan_assistant(cluster.settle(world)).status is None
