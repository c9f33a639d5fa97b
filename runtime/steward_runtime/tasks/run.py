"""One run of one task: journal, decide, act, journal again, until the turn ends.

What is pending is durable before anything outside is awaited: a result is journaled together with
the decisions that follow from it and the intents of the next effects, in one commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from steward_runtime.audit.sink import AuditSink
from steward_runtime.clock import Clock
from steward_runtime.crypto.keyring import NO_SUBJECT, Keyring
from steward_runtime.journal.journal import StepLog
from steward_runtime.policy.decide import TOOL_OUTCOME_UNKNOWN, Deny, Judged
from steward_runtime.storage.connection import Connection
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.tasks.effects import Effects, Result
from steward_runtime.tasks.judge import Judge
from steward_runtime.tasks.live import LiveTask
from steward_runtime.tasks.pending import PendingStep
from steward_runtime.tasks.ports import Observer
from steward_runtime.tasks.rows import end_task, write_ledger
from steward_runtime.turn import events
from steward_runtime.turn.apply import build_call_key
from steward_runtime.turn.commands import CallModel, CallTool, Command, Fail, Reply
from steward_runtime.turn.messages import Message, Role
from steward_runtime.turn.state import (
    CallStatus,
    Failure,
    TaskStatus,
    TurnState,
    read_outcome,
)
from steward_runtime.turn.step import plan_commands, step

Effect = Callable[[], Coroutine[Any, Any, Result]]


@dataclass(frozen=True, slots=True)
class RunParts:
    """What every run of this runtime shares."""

    clock: Clock
    keyring: Keyring
    journal: StepLog
    audit: AuditSink
    conversations: Conversations
    observer: Observer


class TurnRun:
    """Drives one task from its first event, or from where a crash left it.

    Args:
        parts: what all runs share.
        state: the turn as known so far.
        live: where clients follow.
        judge: decides on commands.
        effects: carries them out.
        records: journal records that the task has already.
    """

    def __init__(
        self,
        parts: RunParts,
        state: TurnState,
        live: LiveTask,
        *,
        judge: Judge,
        effects: Effects,
        key_subject: str = NO_SUBJECT,
        records: int = 0,
    ) -> None:
        self.live = live
        self._parts = parts
        self._state = state
        self._judge = judge
        self._effects = effects
        self._pending = PendingStep(state.task_id, key_subject, parts.audit, records + 1)
        self._ready: dict[str, Effect] = {}
        self._running: dict[str, asyncio.Task[Result]] = {}
        self._scope: asyncio.Timeout | None = None
        self._abortion: Failure | None = None

    @property
    def end_reason(self) -> str:
        """`Replied`, why the turn failed, or `Interrupted` while it has not ended."""
        if self._state.is_replied:
            return TaskStatus.REPLIED.value
        failure = self._state.failure
        return failure.reason if self._state.is_failed and failure else "Interrupted"

    async def begin(
        self, request: events.TurnRequested, accept: Callable[[Connection], object]
    ) -> None:
        """Make the request durable, with everything that can be decided at once.

        Args:
            request: the first event.
            accept: writes the rows of task and conversation in the same transaction.

        Raises:
            StewardError: if it could not be made durable; then nothing happened.
        """
        self._pending.add_write(accept)
        self._choose(self._take(request))
        await self._flush()

    async def resume(self) -> None:
        """Take up the turn where its journal ends.

        Raises:
            StorageError: if the first step could not be made durable.
        """
        self._choose(plan_commands(self._state))
        await self._flush()

    async def drive(self) -> None:
        """Run the turn to its end; at once if it has ended.

        Raises:
            StorageError: if a step could not be made durable; `settle` may be tried later.
        """
        while not self._state.is_ended:
            result = await self._next_result()
            if result.write is not None:
                self._pending.add_write(result.write)
            self._choose(self._take(result.event))
            await self._flush()
        await self._stop_effects()
        self.live.finish(read_outcome(self._state))

    async def settle(self, failure: Failure, *, keep_pending: bool) -> None:
        """Bring a run to its end whose last step could not be made durable.

        Args:
            failure: why it ends, if it has not come to an end by itself.
            keep_pending: try the last step again; else it is dropped, because it is what failed.

        Raises:
            StorageError: if it still cannot be made durable.
        """
        await self._stop_effects()
        if not keep_pending:
            self._pending.drop()
        if not keep_pending or not self._state.is_ended:
            self._settle_calls(failure)
            failed = events.Failed(failure.reason, failure.message, self._parts.clock.now_ms())
            self._state = replace(self._state, is_replied=False, is_failed=False)
            self._take(failed)
        await self._flush()
        self.live.finish(read_outcome(self._state))

    def abort(self, failure: Failure) -> None:
        """End the turn as soon as possible without a reply."""
        self._abortion = failure
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def _take(self, event: events.Event) -> tuple[Command, ...]:
        """Take an event into state and journal; return what must happen now."""
        self._state, commands = step(self._state, event)
        self._pending.add_event(event)
        task_id, now_ms = self._state.task_id, self._parts.clock.now_ms()
        match event:
            case events.Replied():
                self._end(TaskStatus.REPLIED, "", now_ms)
            case events.Failed():
                self._end(TaskStatus.FAILED, event.reason, now_ms)
            case (
                events.ToolIntended()
                | events.ToolSent()
                | events.ToolFinished()
                | events.ToolFailed()
            ):
                self._pending.add_write(
                    partial(write_ledger, task_id=task_id, event=event, at_ms=now_ms)
                )
            case _:
                pass
        return commands

    def _end(self, status: TaskStatus, reason: str, now_ms: int) -> None:
        self._pending.add_write(
            partial(
                end_task, task_id=self._state.task_id, status=status, reason=reason, at_ms=now_ms
            )
        )

    def _choose(self, commands: tuple[Command, ...]) -> None:
        """Judge commands until nothing more follows without an effect."""
        waiting = deque(commands)
        while waiting:
            command = waiting.popleft()
            now_ms = self._parts.clock.now_ms()
            if isinstance(command, Fail):
                waiting = deque(self._take(events.Failed(command.reason, command.message, now_ms)))
            elif isinstance(command, Reply):
                self._append_reply(command, now_ms)
                waiting = deque(self._take(events.Replied(now_ms)))
            elif _name_effect(command) not in self._running.keys() | self._ready.keys():
                denial = self._judge_one(command, now_ms)
                if denial is not None:
                    waiting = deque(self._take(denial))
        if self._state.is_ended:
            self._ready.clear()

    def _judge_one(self, command: Judged, now_ms: int) -> events.Event | None:
        """Make an effect ready, or return the event of its denial."""
        decision, judgement = self._judge.judge(command, self._state, now_ms)
        self._pending.add_judgement(judgement)
        if isinstance(decision, Deny):
            return _build_denial(command, decision)
        for intent in _build_intents(command, self._state):
            self._take(intent)
        permit = decision.permit
        self._ready[_name_effect(command)] = partial(self._effects.perform, command, permit)
        return None

    def _append_reply(self, reply: Reply, now_ms: int) -> None:
        request = self._state.request
        if request is None:
            return
        message = Message(Role.ASSISTANT, reply.text, reply.label, reply.tool_calls)
        self._pending.add_write(
            partial(
                self._parts.conversations.append,
                conversation_id=request.conversation_id,
                messages=(message,),
                task_id=self._state.task_id,
                at_ms=now_ms,
            )
        )

    async def _flush(self) -> None:
        """Make what is pending durable."""
        pending = self._pending.build(self._parts.clock.now_ms())
        if pending is not None:
            await self._parts.journal.append(pending)
            self._pending.clear()

    async def _next_result(self) -> Result:
        """Start what is ready and wait for the next result, within the deadline."""
        if self._abortion is not None:
            return await self._give_up(self._abortion)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(loop.time() + self._seconds_left()) as self._scope:
                return await self._await_effect()
        except TimeoutError:
            return await self._give_up(self._name_reason())
        finally:
            self._scope = None

    def _name_reason(self) -> Failure:
        return self._abortion if self._abortion is not None else _DEADLINE

    async def _await_effect(self) -> Result:
        ready, self._ready = self._ready, {}
        if len(ready) == 1 and not self._running:
            return await next(iter(ready.values()))()
        for name, effect in ready.items():
            self._running[name] = asyncio.create_task(effect())
        done, _ = await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
        name = next(name for name, task in self._running.items() if task in done)
        return self._running.pop(name).result()

    async def _give_up(self, failure: Failure) -> Result:
        await self._stop_effects()
        self._settle_calls(failure)
        now_ms = self._parts.clock.now_ms()
        return Result(events.Failed(failure.reason, failure.message, now_ms))

    def _settle_calls(self, failure: Failure) -> None:
        """Put down that calls which are under way may or may not have acted."""
        open_calls = self._state.exchanges[-1].open_calls if self._state.exchanges else ()
        for call in open_calls:
            if call.status is CallStatus.SENT:
                self._take(events.ToolFailed(call.step, TOOL_OUTCOME_UNKNOWN, failure.message))

    async def _stop_effects(self) -> None:
        running, self._running = tuple(self._running.values()), {}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _seconds_left(self) -> float:
        deadline_ms = 0 if self._state.request is None else self._state.request.deadline_at_ms
        return max(0.0, (deadline_ms - self._parts.clock.now_ms()) / 1_000)


_DEADLINE = Failure(
    "DeadlineExceeded", "the turn took longer than the assistant's deadline: ask for less at once"
)


def _name_effect(command: Judged) -> str:
    return command.step if isinstance(command, CallTool) else command.kind


def _build_intents(command: Judged, state: TurnState) -> tuple[events.Event, ...]:
    """Return what must be durable before a command is carried out."""
    match command:
        case CallModel():
            return (events.ModelStarted(command.number),)
        case CallTool():
            key = build_call_key(state.task_id, command.step)
            intended = events.ToolIntended(command.step, command.call.tool, key)
            return (intended, events.ToolSent(command.step, command.attempt))
        case _:
            return ()


def _build_denial(command: Judged, denial: Deny) -> events.Event:
    """Return the event of a denial; a call that went out before stays in doubt."""
    if isinstance(command, CallTool):
        if command.was_sent:
            return events.ToolFailed(command.step, TOOL_OUTCOME_UNKNOWN, denial.message)
        return events.Denied(command.kind, command.step, denial.reason, denial.message)
    return events.Denied(command.kind, "", denial.reason, denial.message)
