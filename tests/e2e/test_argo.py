"""Argo CD delivers our kinds: what it says of right and of wrong commits."""

from __future__ import annotations

import pytest

from steward_argo.applications import SERVER_SIDE, Deliver, file_of, read_resource
from steward_lab.kube_client import Manifest
from steward_operator_lab.reading import ASSISTANT_KIND
from steward_operator_lab.samples import (
    build_assistant,
    build_model,
    build_needs,
    build_object,
    build_prompt,
    build_tool,
    build_whole_set,
)

pytest_plugins = ("steward_argo.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def read_health(application: Manifest) -> dict[str, str]:
    """Return the health of each object that Argo CD shows one for."""
    resources = application["status"]["resources"]
    return {found["kind"]: (found.get("health") or {}).get("status", "") for found in resources}


@pytest.mark.parametrize("option", [SERVER_SIDE, "ServerSideApply=false"])
def test_the_first_sync_ends_synced_and_healthy(deliver: Deliver, option: str) -> None:
    """Every kind has a health, and defaults that the API server fills in are no difference."""
    team = deliver()
    team.push(*build_whole_set("desk"))
    team.start(option)
    health = read_health(team.wait_delivered("Healthy"))
    assert health == dict.fromkeys(
        ("Assistant", "MemoryPolicy", "Model", "Prompt", "RetentionPolicy", "Tool"), "Healthy"
    )


def test_a_prompt_with_an_unknown_variable_is_degraded_in_our_words(deliver: Deliver) -> None:
    """Prompt and Assistant say what to mend; the Pod of the last good commit serves on."""
    team = deliver()
    team.push(*build_needs(), build_assistant("desk"))
    team.start()
    team.wait_delivered("Healthy")
    before = team.admin.get(ASSISTANT_KIND, "desk", team.namespace)["status"]

    team.push(build_prompt(template="Help {{nobody}}."))
    team.wait_delivered("Degraded")
    team.wait_degraded("Prompt", "prompt", "undeclared variables: nobody")
    team.wait_degraded("Assistant", "desk", "Prompt prompt")
    after = team.admin.get(ASSISTANT_KIND, "desk", team.namespace)["status"]
    assert after["blueprintDigest"] == before["blueprintDigest"]
    deployment = team.admin.get("apps/v1/Deployment", "desk", team.namespace)
    assert deployment["status"]["availableReplicas"] == 1

    team.push(build_prompt(template="Help {{owner}} well."))
    team.wait_delivered("Healthy")


def test_a_reference_that_a_commit_takes_away_is_degraded_by_name(deliver: Deliver) -> None:
    """Argo CD prunes the Tool, the Assistant misses it, and the next commit mends both."""
    team = deliver()
    assistant = build_assistant("desk", toolRefs=[{"name": "tool"}])
    team.push(*build_needs(), build_tool(), assistant)
    team.start()
    team.wait_delivered("Healthy")

    team.push(removed=("tool-tool.yaml",))
    team.wait_delivered("Degraded")
    team.wait_degraded("Assistant", "desk", "spec.toolRefs[tool]")

    team.push(build_assistant("desk"))
    team.wait_delivered("Healthy")


def test_a_commit_against_a_rule_fails_with_the_words_of_the_rule(deliver: Deliver) -> None:
    """The API server refuses it by our CEL, and what was there stays."""
    team = deliver()
    team.push(*build_needs(), build_assistant("desk"))
    team.start()
    team.wait_delivered("Healthy")

    broken = build_model()
    del broken["spec"]["openAI"]
    team.push(broken)
    assert "openAI must be set when type is OpenAI" in team.wait_failed()
    health, _ = read_resource(team.read(), "Model", "chat")
    assert health == "Healthy"


def test_a_suspended_assistant_is_suspended_in_argo_cd(deliver: Deliver) -> None:
    """A commit switches serving off, and the next one on again."""
    team = deliver()
    team.push(*build_needs(), build_assistant("desk"))
    team.start()
    team.wait_delivered("Healthy")
    team.push(build_assistant("desk", suspend=True))
    team.wait_delivered("Suspended")
    team.push(build_assistant("desk"))
    team.wait_delivered("Healthy")


def test_a_bound_that_a_commit_tightens_is_degraded_where_it_bites(deliver: Deliver) -> None:
    """The platform team delivers its bounds the same way; Model and Assistant say what is out."""
    team = deliver()
    policy = build_policy(team.namespace, "models.example.com")
    team.push(*build_needs(), build_assistant("desk"), policy)
    team.start()
    assert read_health(team.wait_delivered("Healthy"))["ClusterAssistantPolicy"] == "Healthy"

    team.push(build_policy(team.namespace, "elsewhere.example.com"))
    team.wait_delivered("Degraded")
    team.wait_degraded("Model", "chat", "models.example.com")
    team.wait_degraded("Assistant", "desk", "models.example.com")

    team.push(removed=(file_of(policy),))
    team.wait_delivered("Healthy")


def build_policy(namespace: str, host: str) -> Manifest:
    """Return bounds that let Models of one namespace be at one host."""
    spec = {"namespaces": [namespace], "models": {"allowedHosts": [host]}}
    return build_object("ClusterAssistantPolicy", namespace, spec)
