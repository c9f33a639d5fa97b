"""RuntimeVerified: what a runtime said, and when it is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steward_api.blueprint import TrustedKey
from steward_api.meta import Condition, ConditionStatus
from steward_api.reasons import Reason
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import RuntimeReport, World
from steward_plans.cluster import Cluster
from steward_plans.objects import make_world

KEY = TrustedKey(key_id="0" * 16, public_key="A" * 43 + "=")
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def available() -> World:
    """Return the world around an Assistant whose Pod is available."""
    return Cluster().settle(make_world(operator_keys=(KEY,)))


def verdict(world: World, report: RuntimeReport | None) -> Condition:
    """Return the condition RuntimeVerified."""
    plan = plan_assistant(replace(world, runtime=report))
    status = plan.status
    if status is None:
        found = world.assistant.status.conditions
    else:
        found = tuple(Condition.model_validate(entry) for entry in status["conditions"])
    return next(condition for condition in found if condition.type == "RuntimeVerified")


def digest_of(world: World) -> str:
    """Return the digest that is served."""
    assert world.assistant.status.blueprint_digest is not None
    return world.assistant.status.blueprint_digest


def test_is_verified_only_by_what_it_says(available: World) -> None:
    """Unknown until asked, True for the same digest, False for another one."""
    digest = digest_of(available)
    assert verdict(available, None).status is ConditionStatus.UNKNOWN
    assert verdict(available, RuntimeReport(digest, digest)).status is ConditionStatus.TRUE
    other = verdict(available, RuntimeReport(digest, OTHER))
    assert (other.status, other.reason) == (ConditionStatus.FALSE, "BlueprintMismatch")


def test_an_answer_about_another_blueprint_proves_nothing(available: World) -> None:
    """The old Pod answered before the roll-out of the new Blueprint."""
    assert verdict(available, RuntimeReport(OTHER, OTHER)).reason == "NotAsked"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Reason.RUNTIME_UNREACHABLE, ConditionStatus.UNKNOWN),
        (Reason.RUNTIME_REFUSED, ConditionStatus.UNKNOWN),
        (Reason.RUNTIME_ANSWER_BROKEN, ConditionStatus.FALSE),
    ],
)
def test_a_fault_is_told_and_nothing_is_claimed(
    available: World, fault: Reason, status: ConditionStatus
) -> None:
    """The reason is the fault's, and a second look changes nothing."""
    found = verdict(available, RuntimeReport(digest_of(available), fault=fault))
    assert (found.status, found.reason) == (status, fault.value)
    assert found.message


def test_asks_when_a_pod_is_available_and_a_key_is_there(available: World) -> None:
    """Without Pod, or without key, there is nobody to ask and nothing to ask with."""
    question = plan_assistant(available).question
    assert question is not None
    assert question.blueprint_digest == digest_of(available)
    assert question.uid == available.assistant.metadata.uid
    assert plan_assistant(replace(available, operator_keys=())).question is None
    assert plan_assistant(make_world(operator_keys=(KEY,))).question is None
