"""plan_assistant: from a snapshot to children, Secrets and status, state by state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steward_api.blueprint import BLUEPRINT_FILE, TRUST_FILE, Trust
from steward_api.meta import Condition, ConditionStatus
from steward_operator.objects import ObjectKey, key_of
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.prompt import digest_of_prompt
from steward_operator.plan.world import Broken, MountFailure, Plan, World, WriteFault
from steward_plans.cluster import Cluster
from steward_plans.objects import (
    make_assistant,
    make_embedder,
    make_local_model,
    make_memory_policy,
    make_model,
    make_prompt,
    make_tool,
    make_world,
    with_object,
    without_object,
)


def conditions_of(plan: Plan) -> dict[str, Condition]:
    """Return the planned conditions by type."""
    assert plan.status is not None
    found = [Condition.model_validate(entry) for entry in plan.status["conditions"]]
    return {condition.type: condition for condition in found}


def kinds_of(plan: Plan) -> list[str]:
    """Return the kinds of the planned children in order."""
    return [child["kind"] for child in plan.children]


def blueprint_text(plan: Plan) -> str:
    """Return the planned Blueprint."""
    for child in plan.children:
        text = child.get("data", {}).get(BLUEPRINT_FILE)
        if text is not None:
            return str(text)
    raise AssertionError("no Blueprint is planned")


def settled() -> tuple[Cluster, World]:
    """Return a cluster in which one Assistant is ready."""
    cluster = Cluster()
    return cluster, cluster.settle(make_world())


def test_plans_every_child_once() -> None:
    """A complete Assistant becomes its ten children, two anchors and four Secrets."""
    plan = plan_assistant(make_world())
    assert kinds_of(plan) == [
        "ServiceAccount",
        "ConfigMap",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Service",
        "NetworkPolicy",
        "NetworkPolicy",
        "Deployment",
        "CronJob",
    ]
    assert len(plan.anchors_to_create) == 2
    assert [secret.role.value for secret in plan.secrets_to_create] == [
        "api",
        "purge",
        "encryption",
        "signing",
    ]
    assert plan.prune == ()


def test_writes_each_child_once_and_the_status_twice() -> None:
    """First convergence costs one write per child, one status, and one more when Ready."""
    cluster, _ = settled()
    assert len(cluster.writes) == len(set(cluster.writes)) + 1
    assert cluster.writes.count("status") == 2
    assert not [write for write in cluster.writes if write.startswith(("event", "update"))]


def test_is_ready_only_when_a_pod_of_the_current_blueprint_is_available() -> None:
    """Ready stays False, and Reconciling True, until the Deployment reports."""
    world = make_world()
    before = conditions_of(plan_assistant(world))
    assert before["Ready"].reason == "RolloutInProgress"
    assert before["Reconciling"].status is ConditionStatus.TRUE
    _, world = settled()
    found = {condition.type: condition for condition in world.assistant.status.conditions}
    assert found["Ready"].status is ConditionStatus.TRUE
    assert found["Reconciling"].status is ConditionStatus.FALSE


def test_a_new_blueprint_is_not_ready_because_the_old_one_was() -> None:
    """A Deployment that still runs the old Blueprint proves nothing about the new one."""
    _, world = settled()
    changed = with_object(world, make_prompt(template="Be brief."))
    assert conditions_of(plan_assistant(changed))["Ready"].reason == "RolloutInProgress"


def test_reports_endpoint_key_and_digests() -> None:
    """The status names where to connect, with which Secret, and what is served."""
    plan = plan_assistant(make_world())
    assert plan.status is not None
    assert plan.status["endpoint"] == "http://desk.team.svc:8080/v1"
    assert plan.status["apiKeySecretName"] == plan.secrets_to_create[0].name
    assert plan.status["blueprintDigest"].startswith("sha256:")
    assert plan.status["promptDigest"] == digest_of_prompt(make_prompt())


def test_without_retention_policy_nothing_is_made() -> None:
    """No RetentionPolicy: not Accepted, no child, and the status says what to create."""
    plan = plan_assistant(without_object(make_world(), "RetentionPolicy", "short"))
    found = conditions_of(plan)
    assert (plan.children, plan.anchors_to_create, plan.secrets_to_create) == ((), (), ())
    assert found["Accepted"].reason == "RetentionPolicyMissing"
    assert "RetentionPolicy short does not exist" in found["Accepted"].message
    assert found["Stalled"].status is ConditionStatus.TRUE
    assert found["Reconciling"].status is ConditionStatus.FALSE


def test_a_broken_object_costs_one_status_and_one_event() -> None:
    """Conditions that turn bad for one reason are told once."""
    cluster = Cluster()
    cluster.settle(without_object(make_world(), "RetentionPolicy", "short"))
    assert cluster.writes == ["status", "event RetentionPolicyMissing"]


def trust_of(plan: Plan) -> Trust:
    """Return the planned trust document."""
    for child in plan.children:
        text = child.get("data", {}).get(TRUST_FILE)
        if text is not None:
            return Trust.model_validate_json(text)
    raise AssertionError("no trust document is planned")


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("MemoryPolicy", "notes", "MemoryPolicyMissing"),
        ("RetentionPolicy", "short", "RetentionPolicyMissing"),
    ],
)
def test_a_missing_policy_denies_new_work_and_purging_goes_on(
    kind: str, name: str, reason: str
) -> None:
    """Only the trust document changes: the Blueprint, its Pod and the purge schedule stay."""
    cluster, world = settled()
    before = plan_assistant(world)
    gone = without_object(world, kind, name)
    plan = plan_assistant(gone)
    changed = [key_of(child) for child in plan.children if child not in before.children]
    assert [key.name for key in changed] == ["desk-trust"]
    denial = trust_of(plan).denial
    assert denial is not None
    assert (denial.reason, name in denial.message) == (reason, True)
    found = conditions_of(plan)
    assert (found["Ready"].status, found["Ready"].reason) == (ConditionStatus.FALSE, reason)
    assert found["Stalled"].status is ConditionStatus.TRUE
    cluster.settle(gone)
    assert trust_of(plan_assistant(cluster.settle(world))).denial is None


def test_a_broken_policy_denies_nothing() -> None:
    """A slip of the pen leaves the last accepted policy in force."""
    _, world = settled()
    plan = plan_assistant(with_object(world, Broken("RetentionPolicy", "short", "no windows")))
    assert trust_of(plan).denial is None
    assert conditions_of(plan)["Stalled"].status is ConditionStatus.TRUE


def test_a_missing_reference_keeps_the_last_accepted_blueprint() -> None:
    """An object that disappears stalls the Assistant; what was accepted is served on."""
    _, world = settled()
    before = plan_assistant(world)
    for kind, name, reason in (
        ("Prompt", "greeting", "PromptMissing"),
        ("Model", "chat", "ModelMissing"),
    ):
        plan = plan_assistant(without_object(world, kind, name))
        assert plan.children == before.children
        assert conditions_of(plan)["Stalled"].reason == reason
        assert conditions_of(plan)["Accepted"].status is ConditionStatus.FALSE
        assert conditions_of(plan)["Ready"].status is ConditionStatus.TRUE


def test_a_broken_policy_keeps_the_last_accepted_blueprint() -> None:
    """A policy that cannot be read stalls the Assistant too, and the message says why."""
    _, world = settled()
    broken = Broken("RetentionPolicy", "short", "spec.windows: Field required")
    plan = plan_assistant(with_object(world, broken))
    assert plan.children == plan_assistant(world).children
    assert conditions_of(plan)["Accepted"].reason == "RetentionPolicyNotAccepted"
    assert "spec.windows" in conditions_of(plan)["Accepted"].message


def test_without_blueprint_a_running_deployment_goes_and_the_rest_stays() -> None:
    """Nothing fails open: with nothing accepted to serve, the runtime ends."""
    _, world = settled()
    lost = without_object(replace(world, last_blueprint=None), "MemoryPolicy", "notes")
    plan = plan_assistant(lost)
    assert [(key.kind, key.name) for key in plan.prune] == [("Deployment", "desk")]
    assert plan.children == ()


def test_the_purge_interval_goes_on_without_its_policy() -> None:
    """A CronJob keeps the interval that was accepted last."""
    cluster = Cluster()
    world = cluster.settle(make_world())
    schedule = cluster.objects["CronJob", "desk-purge"]["spec"]["schedule"]
    gone = without_object(world, "RetentionPolicy", "short")
    planned = [child for child in plan_assistant(gone).children if child["kind"] == "CronJob"]
    assert planned[0]["spec"]["schedule"] == schedule


def test_a_pinned_prompt_that_changed_keeps_the_last_blueprint() -> None:
    """While the text is not the pinned revision, the accepted one is served."""
    pinned = make_assistant(
        promptRef={"name": "greeting", "digest": digest_of_prompt(make_prompt())}
    )
    cluster = Cluster()
    world = cluster.settle(make_world(pinned))
    plan = plan_assistant(with_object(world, make_prompt(template="Something else.")))
    assert conditions_of(plan)["Stalled"].reason == "PromptDigestMismatch"
    assert conditions_of(plan)["ResolvedRefs"].reason == "PromptDigestMismatch"
    assert "Something else" not in blueprint_text(plan)
    assert conditions_of(plan)["Ready"].status is ConditionStatus.TRUE


def test_a_missing_tool_is_dropped_alone() -> None:
    """The other tool goes on, and the condition names the one that is missing."""
    world = without_object(make_world(), "Tool", "add-comment")
    plan = plan_assistant(world)
    found = conditions_of(plan)
    assert found["Accepted"].status is ConditionStatus.TRUE
    assert found["ResolvedRefs"].reason == "ToolMissing"
    assert "spec.toolRefs[add-comment]: Tool add-comment" in found["ResolvedRefs"].message
    assert '"find-ticket"' in blueprint_text(plan)
    assert '"add-comment"' not in blueprint_text(plan)
    alone = make_world(make_assistant(toolRefs=[{"name": "find-ticket"}]))
    assert plan.children == plan_assistant(alone).children


def test_a_tool_that_is_not_accepted_is_dropped_alone() -> None:
    """A malformed schema takes one tool out, not the assistant."""
    world = with_object(make_world(), make_tool("add-comment", inputSchema={"type": "string"}))
    found = conditions_of(plan_assistant(world))
    assert found["Accepted"].status is ConditionStatus.TRUE
    assert found["ResolvedRefs"].reason == "ToolNotAccepted"
    assert "spec.inputSchema.type must be object" in found["ResolvedRefs"].message


def test_a_missing_model_is_left_out_of_the_order() -> None:
    """With another chat model the assistant goes on, and says which is left out."""
    assistant = make_assistant(modelRefs=[{"name": "gone"}, {"name": "chat"}])
    plan = plan_assistant(make_world(assistant))
    assert conditions_of(plan)["ResolvedRefs"].reason == "ModelMissing"
    assert conditions_of(plan)["Accepted"].status is ConditionStatus.TRUE
    assert '"name":"chat"' in blueprint_text(plan)


def test_without_any_chat_model_nothing_is_accepted() -> None:
    """An embedder is no chat model."""
    world = make_world(make_assistant(modelRefs=[{"name": "embedder"}]))
    found = conditions_of(plan_assistant(with_object(world, make_embedder())))
    assert found["Accepted"].reason == "ModelLacksAbility"


def test_a_local_model_is_not_for_a_cluster() -> None:
    """The bundled model runs with `steward up` only."""
    world = with_object(make_world(), make_local_model())
    assert "Local runs with" in conditions_of(plan_assistant(world))["Accepted"].message
    allowed = replace(world.settings, is_local_model_allowed=True)
    offline = plan_assistant(replace(world, settings=allowed))
    assert conditions_of(offline)["Accepted"].status is ConditionStatus.TRUE


def test_hybrid_recall_needs_an_embedder() -> None:
    """A missing or unfit embedder refuses the policy; a fit one lands in the Blueprint."""
    recall = {"mode": "Hybrid", "embedderRef": {"name": "embedder"}}
    world = with_object(make_world(), make_memory_policy(recall=recall))
    assert conditions_of(plan_assistant(world))["Accepted"].reason == "EmbedderMissing"
    unfit = with_object(world, make_model("embedder"))
    assert conditions_of(plan_assistant(unfit))["Accepted"].reason == "EmbedderLacksAbility"
    fit = plan_assistant(with_object(world, make_embedder()))
    assert '"embedder":{' in blueprint_text(fit)


def test_a_blueprint_that_fits_into_no_config_map_is_refused() -> None:
    """Many large schemas together exceed what a ConfigMap holds."""
    names = [f"tool-{index}" for index in range(32)]
    big = {"type": "object", "description": "x" * 15_000}
    http = {"url": "https://tools.example.com/call"}
    tools = [
        make_tool(name, http=http, inputSchema=big, outputSchema=big, description="y" * 1_000)
        for name in names
    ]
    assistant = make_assistant(toolRefs=[{"name": name} for name in names])
    world = make_world(assistant)
    for tool in tools:
        world = with_object(world, tool)
    plan = plan_assistant(world)
    assert conditions_of(plan)["Accepted"].reason == "BlueprintTooLarge"
    assert plan.children == ()


def test_a_suspended_assistant_serves_nothing_and_purges_on() -> None:
    """No replica, a CronJob that opens the volume itself, and no alarm."""
    cluster = Cluster()
    world = cluster.settle(make_world(make_assistant(suspend=True)))
    job = cluster.objects["CronJob", "desk-purge"]["spec"]["jobTemplate"]["spec"]["template"]
    ready = next(c for c in world.assistant.status.conditions if c.type == "Ready")
    stalled = next(c for c in world.assistant.status.conditions if c.type == "Stalled")
    assert cluster.objects["Deployment", "desk"]["spec"]["replicas"] == 0
    assert "--data" in job["spec"]["containers"][0]["args"]
    assert (ready.reason, stalled.status) == ("Suspended", ConditionStatus.FALSE)
    assert not [write for write in cluster.writes if write.startswith("update")]


def test_the_volume_is_opened_by_jobs_only_when_the_last_pod_is_gone() -> None:
    """While a Pod of a suspended Assistant is still there, purging asks it."""
    _, world = settled()
    suspended = make_assistant(suspend=True).model_copy(update={"status": world.assistant.status})
    plan = plan_assistant(replace(world, assistant=suspended))
    job = plan.children[-1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert "--server" in job["containers"][0]["args"]


def test_a_missing_secret_of_a_user_is_named() -> None:
    """A FailedMount Event says which Secret to create."""
    plan = plan_assistant(make_world(mount_failures=(MountFailure("model-credential"),)))
    ready = conditions_of(plan)["Ready"]
    assert ready.reason == "SecretMissing"
    assert "Secret model-credential" in ready.message


def test_a_name_that_is_taken_is_a_conflict() -> None:
    """A Service of somebody else is left alone, and the status says so."""
    key = ObjectKey("v1", "Service", "team", "desk")
    plan = plan_assistant(make_world(faults=(WriteFault(key, 409, "already exists"),)))
    assert conditions_of(plan)["Ready"].reason == "NameConflict"
    assert conditions_of(plan)["Stalled"].status is ConditionStatus.TRUE


def test_a_refused_write_shows_the_words_of_the_api_server() -> None:
    """A quota or an invalid value is told, and nothing is said to be on its way."""
    key = ObjectKey("v1", "PersistentVolumeClaim", "team", "desk-data")
    plan = plan_assistant(make_world(faults=(WriteFault(key, 403, "exceeded quota"),)))
    assert "exceeded quota" in conditions_of(plan)["Ready"].message
    assert conditions_of(plan)["Reconciling"].status is ConditionStatus.FALSE


def test_an_assistant_in_deletion_is_left_to_the_garbage_collector() -> None:
    """Nothing is made again for an object that goes."""
    assistant = make_assistant()
    metadata = assistant.metadata.model_copy(update={"deletion_timestamp": "2026-01-01T00:00:00Z"})
    world = make_world(assistant.model_copy(update={"metadata": metadata}))
    assert plan_assistant(world) == Plan()


def test_an_old_blueprint_goes_when_nothing_names_it() -> None:
    """The ConfigMap of the previous Blueprint stays while a ReplicaSet uses it."""
    _, world = settled()
    old = next(c for c in world.children if c["metadata"]["name"].startswith("desk-blueprint-"))
    changed = with_object(world, make_prompt(template="Be brief."))
    assert plan_assistant(changed).prune == ()
    unused = replace(changed, blueprints_in_use=frozenset())
    assert [key.name for key in plan_assistant(unused).prune] == [key_of(old).name]


def test_a_name_that_no_service_can_have_is_refused() -> None:
    """Files that no API server has seen are held to the same rule."""
    for name in ("a" * 41, "1st", "a.b", "A"):
        plan = plan_assistant(make_world(make_assistant(name)))
        assert conditions_of(plan)["Accepted"].reason == "SpecInvalid"
        assert plan.children == ()
