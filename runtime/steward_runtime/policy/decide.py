"""The decision: may this command happen (pure)?

The first reason to refuse wins, and a command without a reason to allow it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from steward_api.v1alpha1.tool import Effect
from steward_runtime.labels import Label
from steward_runtime.policy.permit import ISSUER, Permit
from steward_runtime.turn.commands import CallModel, CallTool, CommandKind, Recall, Remember

MODEL_TARGET: Final = "model"
MEMORY_TARGET: Final = "memory"
TOOL_OUTCOME_UNKNOWN: Final = "ToolOutcomeUnknown"

Judged: TypeAlias = Recall | CallModel | CallTool | Remember
"""Commands with an effect. Reply and Fail only end the turn."""


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the newest Blueprint says of one tool.

    Attributes:
        is_declared: the Tool has a contract; without one the call counts as Destructive.
        effect: what a call does to the world.
        calls_per_turn: calls allowed in one turn.
        has_key: the tool recognises a repetition by our idempotency key.
    """

    is_declared: bool
    effect: Effect
    calls_per_turn: int
    has_key: bool = False

    @property
    def is_repeatable(self) -> bool:
        """A call whose outcome is unknown may be made again."""
        return self.has_key or self.effect is Effect.READ


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts that a decision rests on.

    Attributes:
        task_id: task that asks.
        subject: pseudonym of the person, or None.
        now_ms: time of the decision.
        deadline_at_ms: time at which the task fails.
        model_calls: model calls made so far.
        model_calls_max: model calls allowed in one turn.
        contracts: newest contracts by tool name.
        calls_made: calls intended so far in this turn, by tool name.
        has_memory: the assistant has a MemoryPolicy.
        arguments_match: the arguments match the tool's input schema; None if not checked.
    """

    task_id: str
    subject: str | None
    now_ms: int
    deadline_at_ms: int
    model_calls: int = 0
    model_calls_max: int = 1
    contracts: Mapping[str, ContractFacts] = field(default_factory=dict)
    calls_made: Mapping[str, int] = field(default_factory=dict)
    has_memory: bool = False
    arguments_match: bool | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """The command may happen; `permit` is the leave that adapters ask for."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class Deny:
    """The command may not happen; `message` tells model and user why, without content."""

    reason: str
    message: str


Decision: TypeAlias = Allow | Deny


def decide(command: Judged, situation: Situation) -> Decision:
    """Judge one command."""
    if situation.now_ms >= situation.deadline_at_ms:
        return Deny("DeadlineExceeded", "the time for this turn is over")
    match command:
        case CallModel():
            refusal = _refuse_model(command, situation)
            target = MODEL_TARGET
        case CallTool():
            refusal = _refuse_tool(command, situation)
            target = command.call.tool
        case Recall() | Remember():
            refusal = _refuse_memory(situation)
            target = MEMORY_TARGET
    return refusal or _allow(command.kind, target, situation, command.label)


def _allow(kind: CommandKind, target: str, situation: Situation, label: Label) -> Allow:
    return Allow(
        Permit(
            kind=kind,
            target=target,
            task_id=situation.task_id,
            subject=situation.subject,
            label=label,
            reason="WithinContract" if kind is CommandKind.CALL_TOOL else "WithinLimits",
            issuer=ISSUER,
        )
    )


def _refuse_model(command: CallModel, situation: Situation) -> Deny | None:
    if situation.model_calls >= situation.model_calls_max:
        return Deny(
            "ModelCallsExceeded",
            f"this turn has made its {situation.model_calls_max} model calls",
        )
    return None


def _refuse_tool(command: CallTool, situation: Situation) -> Deny | None:
    contract = situation.contracts.get(command.call.tool)
    if contract is None:
        return Deny("ToolUnknown", "this assistant has no such tool")
    refusal = _refuse_contract(contract)
    if refusal is not None:
        return refusal
    if command.was_sent and not contract.is_repeatable:
        return Deny(
            TOOL_OUTCOME_UNKNOWN,
            "the call was sent before an interruption and it is not known whether it acted; "
            "it is not repeated",
        )
    if situation.calls_made.get(command.call.tool, 0) >= contract.calls_per_turn:
        return Deny(
            "CallsPerTurnExceeded",
            f"the tool may be called {contract.calls_per_turn} times in one turn",
        )
    if situation.arguments_match is not True:
        return Deny("ArgumentsRefused", "the arguments do not match the tool's input schema")
    return None


def _refuse_contract(contract: ContractFacts) -> Deny | None:
    if not contract.is_declared:
        return Deny(
            "ReviewRequired", "the tool has no contract, so a call needs a review; none is offered"
        )
    if contract.effect is Effect.DESTRUCTIVE:
        return Deny(
            "ReviewRequired", "the tool is destructive, so a call needs a review; none is offered"
        )
    return None


def _refuse_memory(situation: Situation) -> Deny | None:
    if not situation.has_memory:
        return Deny("MemoryNotConfigured", "this assistant has no memory")
    if situation.subject is None:
        return Deny("SubjectMissing", "without a subject nothing is remembered or recalled")
    return None
