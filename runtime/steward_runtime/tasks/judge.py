"""Judging commands: gathers the facts, asks policy, and writes down what it said."""

from __future__ import annotations

from steward_runtime.audit.sink import Judgement
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.policy.decide import (
    MEMORY_TARGET,
    MODEL_TARGET,
    Allow,
    Decision,
    Judged,
    Situation,
    decide,
)
from steward_runtime.tasks.pinning import Rules
from steward_runtime.tasks.ports import Observer
from steward_runtime.tasks.schemas import ToolSchemas
from steward_runtime.turn.commands import CallModel, CallTool
from steward_runtime.turn.state import TurnState, count_calls


class Judge:
    """Judges the commands of one turn.

    Args:
        rules: the newest rules.
        schemas: schemas of the tools as pinned.
        keyring: makes keyed digests of what would be sent.
        observer: hears of every decision.
    """

    def __init__(
        self, rules: Rules, schemas: ToolSchemas, keyring: Keyring, observer: Observer
    ) -> None:
        self._rules = rules
        self._schemas = schemas
        self._keyring = keyring
        self._observer = observer

    def judge(self, command: Judged, state: TurnState, now_ms: int) -> tuple[Decision, Judgement]:
        """Decide on a command and return the decision with its audit record."""
        decision = decide(command, self._build_situation(command, state, now_ms))
        is_allowed = isinstance(decision, Allow)
        reason = decision.permit.reason if isinstance(decision, Allow) else decision.reason
        target = self._name_target(command)
        self._observer.decided(command.kind, target, reason, is_allowed=is_allowed)
        judgement = Judgement(
            at_ms=now_ms,
            task_id=state.task_id,
            subject=None if state.request is None else state.request.caller.subject,
            command=command.kind,
            target=target,
            step=command.step if isinstance(command, CallTool) else "",
            is_allowed=is_allowed,
            reason=reason,
            label=command.label,
            content_digest=self._keyring.keyed_digest("content", _gather_content(command)).hex(),
            blueprint_digest=self._rules.blueprint_digest,
        )
        return decision, judgement

    def _name_target(self, command: Judged) -> str:
        """Name the target; a name that the model made up is content and is not repeated."""
        if isinstance(command, CallModel):
            return MODEL_TARGET
        if isinstance(command, CallTool):
            tool = command.call.tool
            return tool if tool in self._rules.facts else "unknown"
        return MEMORY_TARGET

    def _build_situation(self, command: Judged, state: TurnState, now_ms: int) -> Situation:
        request = state.request
        matches: bool | None = None
        calls_made: dict[str, int] = {}
        if isinstance(command, CallTool):
            matches = self._schemas.check_arguments(command.call.tool, command.call.arguments)
            calls_made = count_calls(state, besides=command.step)
        return Situation(
            task_id=state.task_id,
            subject=None if request is None else request.caller.subject,
            now_ms=now_ms,
            deadline_at_ms=0 if request is None else request.deadline_at_ms,
            model_calls=len(state.exchanges),
            model_calls_max=self._rules.model_calls_max,
            contracts=self._rules.facts,
            calls_made=calls_made,
            has_memory=self._rules.has_memory,
            arguments_match=matches,
        )


def _gather_content(command: Judged) -> bytes:
    """Return what would be sent, as bytes for a keyed digest."""
    match command:
        case CallModel():
            texts = [message.text for message in command.request.messages]
        case CallTool():
            texts = [command.call.tool, command.call.arguments]
        case _:
            texts = [command.query if hasattr(command, "query") else command.text]
    return "\0".join(texts).encode(errors="surrogatepass")
