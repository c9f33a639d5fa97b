"""Permits for tests of adapters, asked of the real policy.

Test equipment, never shipped: it shows adapters what `policy.decide` gives to the driver.
"""

from __future__ import annotations

from steward_api.meta import Sensitivity
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.v1alpha1.tool import Effect
from steward_runtime.labels import Integrity, Label
from steward_runtime.policy.decide import Allow, ContractFacts, Situation, decide
from steward_runtime.policy.permit import Permit
from steward_runtime.turn.commands import CallModel, CallTool
from steward_runtime.turn.messages import ChatRequest, Message, Role, ToolCall

LABEL = Label(
    integrity=Integrity.USER,
    readers=None,
    sensitivity=Sensitivity.INTERNAL,
    subjects=frozenset({"subject-1"}),
    purpose=frozenset({"help"}),
    retention=DataClass.CONVERSATIONS,
    origin=frozenset({"user"}),
)
"""Label of everything that tests of adapters say."""


def say(role: Role, text: str) -> Message:
    """Return a labelled message."""
    return Message(role, text, LABEL)


def ask_permit_for_tool(tool: str) -> Permit:
    """Return leave for one call of a tool that reads."""
    facts = ContractFacts(is_declared=True, effect=Effect.READ, calls_per_turn=8)
    situation = Situation(
        "task_1", "subject-1", 0, 1_000, contracts={tool: facts}, arguments_match=True
    )
    return _take(decide(CallTool("1.0", ToolCall("call_1", tool, "{}"), LABEL), situation))


def ask_permit_for_model() -> Permit:
    """Return leave for one model call."""
    situation = Situation("task_1", "subject-1", 0, 1_000)
    return _take(decide(CallModel(1, ChatRequest(()), LABEL), situation))


def _take(decision: object) -> Permit:
    assert isinstance(decision, Allow)
    return decision.permit
