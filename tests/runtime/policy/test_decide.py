"""The decision on single commands, and the Permit that only it can make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steward_api.v1alpha1.tool import Effect
from steward_house.sources import gather_product_modules
from steward_runtime.labels import BOTTOM
from steward_runtime.policy.decide import (
    MEMORY_TARGET,
    MODEL_TARGET,
    Allow,
    ContractFacts,
    Deny,
    Situation,
    decide,
)
from steward_runtime.policy.permit import Permit
from steward_runtime.turn.commands import CallModel, CallTool, CommandKind, Recall, Remember
from steward_runtime.turn.messages import ChatRequest, ToolCall

READ = ContractFacts(is_declared=True, effect=Effect.READ, calls_per_turn=2)
SITUATION = Situation(
    "task_1",
    "alice",
    now_ms=0,
    deadline_at_ms=1_000,
    model_calls_max=2,
    contracts={
        "lookup": READ,
        "close": replace(READ, effect=Effect.WRITE),
        "keyed": replace(READ, effect=Effect.WRITE, has_key=True),
        "destroy": replace(READ, effect=Effect.DESTRUCTIVE),
        "bare": replace(READ, is_declared=False),
    },
    has_memory=True,
    arguments_match=True,
)
ASK = CallModel(1, ChatRequest(()), BOTTOM)


def call(tool: str, *, was_sent: bool = False) -> CallTool:
    """Return a call of a tool."""
    return CallTool("1.0", ToolCall("c", tool, "{}"), BOTTOM, was_sent=was_sent)


def reason(command: CallTool | CallModel | Recall | Remember, **facts: Any) -> str:
    """Return the reason of a decision."""
    decision = decide(command, replace(SITUATION, **facts))
    return decision.permit.reason if isinstance(decision, Allow) else decision.reason


def test_a_call_within_its_contract_gets_a_permit_for_itself() -> None:
    """The permit names kind, tool, task and subject."""
    decision = decide(call("lookup"), SITUATION)
    assert isinstance(decision, Allow)
    permit = decision.permit
    assert (permit.kind, permit.target) == (CommandKind.CALL_TOOL, "lookup")
    assert (permit.task_id, permit.subject) == ("task_1", "alice")
    permit.check_covers(CommandKind.CALL_TOOL, "lookup")
    with pytest.raises(PermissionError):
        permit.check_covers(CommandKind.CALL_TOOL, "close")
    with pytest.raises(PermissionError):
        permit.check_covers(CommandKind.CALL_MODEL, "lookup")


@pytest.mark.parametrize("tool", ["destroy", "bare"])
def test_destructive_or_without_contract_needs_a_review(tool: str) -> None:
    """There are no reviewers yet, so it is refused."""
    assert reason(call(tool)) == "ReviewRequired"


def test_a_tool_that_the_assistant_has_not_is_refused() -> None:
    """A model may invent names."""
    assert reason(call("invented")) == "ToolUnknown"


@pytest.mark.parametrize("matches", [False, None])
def test_arguments_must_match_the_schema(matches: bool | None) -> None:
    """Not checked counts as not matching."""
    assert reason(call("lookup"), arguments_match=matches) == "ArgumentsRefused"


def test_calls_of_a_tool_are_bounded() -> None:
    """One more than the contract allows is refused."""
    assert reason(call("lookup"), calls_made={"lookup": 1}) == "WithinContract"
    assert reason(call("lookup"), calls_made={"lookup": 2}) == "CallsPerTurnExceeded"


def test_model_calls_are_bounded() -> None:
    """One more than the limit is refused."""
    assert reason(ASK, model_calls=1) == "WithinLimits"
    assert reason(ASK, model_calls=2) == "ModelCallsExceeded"


@pytest.mark.parametrize(
    ("tool", "expected"),
    [("lookup", "WithinContract"), ("keyed", "WithinContract"), ("close", "ToolOutcomeUnknown")],
)
def test_a_call_in_doubt_is_repeated_only_where_that_is_safe(tool: str, expected: str) -> None:
    """Reads, and tools that recognise our key; never a plain write."""
    assert reason(call(tool, was_sent=True)) == expected


@pytest.mark.parametrize("command", [Recall("q", BOTTOM), Remember("t", BOTTOM)])
def test_memory_needs_a_policy_and_a_subject(command: Recall | Remember) -> None:
    """Without either nothing is searched or written."""
    assert reason(command) == "WithinLimits"
    assert reason(command, subject=None) == "SubjectMissing"
    assert reason(command, has_memory=False) == "MemoryNotConfigured"


@pytest.mark.parametrize("command", [ASK, call("lookup"), Recall("q", BOTTOM)])
def test_nothing_is_allowed_past_the_deadline(
    command: CallModel | CallTool | Recall,
) -> None:
    """The deadline is the first reason."""
    assert reason(command, now_ms=1_000) == "DeadlineExceeded"


def test_a_permit_cannot_be_made_elsewhere() -> None:
    """The constructor wants what only `decide` holds."""
    with pytest.raises(TypeError, match=r"policy\.decide"):
        Permit(CommandKind.CALL_TOOL, "lookup", "task_1", None, BOTTOM, "", issuer=object())


def test_only_decide_names_the_issuer() -> None:
    """Any other module that reaches for it would be a way around the policy."""
    users = {
        module.name
        for module in gather_product_modules()
        if "ISSUER" in module.path.read_text(encoding="utf-8")
    }
    assert users == {"steward_runtime.policy.permit", "steward_runtime.policy.decide"}


def test_targets_are_fixed_words() -> None:
    """Adapters check against the same constants."""
    assert (MODEL_TARGET, MEMORY_TARGET) == ("model", "memory")


def test_a_refusal_says_nothing_of_the_arguments() -> None:
    """Its message goes to the model, to logs and to metrics."""
    secret = CallTool("1.0", ToolCall("c", "invented-3f1", '{"a":"marker-3f1"}'), BOTTOM)
    decision = decide(secret, SITUATION)
    assert isinstance(decision, Deny)
    assert "3f1" not in decision.message + decision.reason
