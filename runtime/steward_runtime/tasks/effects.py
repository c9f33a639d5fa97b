"""Effects: what a permitted command does to the world, and the event that comes of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from steward_api.v1alpha1.tool import Effect
from steward_runtime.clock import Clock
from steward_runtime.errors import PolicyMissing, StewardError
from steward_runtime.policy.decide import MEMORY_TARGET, TOOL_OUTCOME_UNKNOWN, Judged
from steward_runtime.policy.permit import Permit
from steward_runtime.policy.results import label_answer, label_result
from steward_runtime.tasks.live import LiveTask
from steward_runtime.tasks.pinning import Pin, Rules
from steward_runtime.tasks.ports import Memory, MemoryWrite, Observer
from steward_runtime.turn import events
from steward_runtime.turn.apply import build_call_key
from steward_runtime.turn.commands import CallModel, CallTool, Recall, Remember
from steward_runtime.turn.messages import (
    ChatDelta,
    ChatDone,
    ToolOutcome,
    ToolOutcomeKind,
    ToolRequest,
)
from steward_runtime.turn.state import PARAGRAPH

RESULT_MESSAGE: Final = "the tool's answer does not match its output schema"
DEFECT_MESSAGE: Final = "the assistant has a defect: tell its operator"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an effect: an event, and rows to write in its step."""

    event: events.Event
    write: MemoryWrite | None = None


class Effects:
    """Carries out permitted commands for one task.

    Args:
        pin: adapters and schemas that the task is pinned to.
        rules: the newest contracts, which label results.
        live: where the text goes while it comes.
        memory: the newest memory, or None.
        observer: surrounds every effect.
        clock: time of failures.
    """

    def __init__(
        self,
        pin: Pin,
        rules: Rules,
        live: LiveTask,
        *,
        memory: Memory | None,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._memory = memory
        self._pin = pin
        self._rules = rules
        self._live = live
        self._observer = observer
        self._clock = clock
        self._has_text = live.has_text

    async def perform(self, command: Judged, permit: Permit) -> Result:
        """Carry out a command. Errors become events; only a cancellation goes through."""
        try:
            with self._observer.effect(permit.task_id, permit.kind, permit.target):
                return await self._perform(command, permit)
        except asyncio.CancelledError:
            raise
        except StewardError as error:
            return Result(self._fail(command, error.reason, error.message))
        except Exception as error:  # noqa: BLE001 # a defect ends its own task and no other
            self._observer.fault(permit.task_id, permit.kind, error)
            reason = TOOL_OUTCOME_UNKNOWN if isinstance(command, CallTool) else "InternalError"
            return Result(self._fail(command, reason, DEFECT_MESSAGE))

    async def _perform(self, command: Judged, permit: Permit) -> Result:
        match command:
            case CallModel():
                return Result(await self._call_model(command, permit))
            case CallTool():
                return Result(await self._call_tool(command, permit))
            case Recall():
                records = await self._newest_memory().recall(permit, command.query)
                return Result(events.RecallFinished(records))
            case Remember():
                key = build_call_key(permit.task_id, MEMORY_TARGET)
                write = await self._newest_memory().prepare(
                    permit, command.text, command.label, key=key
                )
                return Result(events.RememberFinished(key), write)

    async def _call_model(self, command: CallModel, permit: Permit) -> events.Event:
        done: ChatDone | None = None
        separator = PARAGRAPH if self._has_text else ""
        was_streamed = False
        stream = self._pin.adapters.model.complete(permit, command.request)
        async with aclosing(stream) as pieces:  # type: ignore[type-var] # adapters are generators
            async for piece in pieces:
                if isinstance(piece, ChatDelta):
                    self._live.publish(separator + piece.text if piece.text else "")
                    if piece.text:
                        separator, was_streamed = "", True
                else:
                    done = piece
        if done is None:
            return events.ModelFailed(
                command.number, "ModelAnswerBroken", "the model's answer was cut off: try again"
            )
        if done.text:
            self._has_text = True
            if not was_streamed:
                self._live.publish(separator + done.text)
        return events.ModelReplied(
            number=command.number,
            text=done.text,
            tool_calls=done.tool_calls,
            label=label_answer(command.label, done.model),
            finish_reason=done.finish_reason,
            usage=done.usage,
            model=done.model,
        )

    async def _call_tool(self, command: CallTool, permit: Permit) -> events.Event:
        tool = command.call.tool
        is_repeatable = self._rules.facts[tool].is_repeatable
        outcome = await self._attempt(command, permit, command.attempt)
        if outcome.kind is ToolOutcomeKind.UNKNOWN and is_repeatable:
            # Better than leaving it to the model, whose next call would have another key.
            outcome = await self._attempt(command, permit, command.attempt + 1)
        if outcome.kind is ToolOutcomeKind.ANSWERED:
            if not self._pin.schemas.check_result(tool, outcome.text):
                return events.ToolFailed(command.step, "ResultRefused", RESULT_MESSAGE)
            label = label_result(self._rules.contracts[tool], tool, command.label)
            return events.ToolFinished(command.step, outcome.text, label)
        is_in_doubt = outcome.kind is ToolOutcomeKind.UNKNOWN
        is_read = self._rules.facts[tool].effect is Effect.READ
        reason = TOOL_OUTCOME_UNKNOWN if is_in_doubt and not is_read else outcome.reason
        return events.ToolFailed(command.step, reason, outcome.message)

    async def _attempt(self, command: CallTool, permit: Permit, attempt: int) -> ToolOutcome:
        key = build_call_key(permit.task_id, command.step)
        request = ToolRequest(command.call.tool, command.call.arguments, key, attempt)
        return await self._pin.adapters.tools.call(permit, request)

    def _newest_memory(self) -> Memory:
        if self._memory is None:
            raise PolicyMissing(
                "memory was allowed and the assistant has none: its operator must check the "
                "MemoryPolicy"
            )
        return self._memory

    def _fail(self, command: Judged, reason: str, message: str) -> events.Event:
        match command:
            case CallModel():
                return events.ModelFailed(command.number, reason, message)
            case CallTool():
                return events.ToolFailed(command.step, reason, message)
            case _:
                return events.Failed(reason, message, self._clock.now_ms())
