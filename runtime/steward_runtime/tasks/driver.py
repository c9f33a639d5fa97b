"""The driver: accepts requests, answers for tasks, and takes up what a crash interrupted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from steward_runtime.audit.sink import AuditSink
from steward_runtime.clock import Clock, Ids
from steward_runtime.crypto.keyring import NO_SUBJECT, Keyring
from steward_runtime.errors import Overloaded, RequestRefused, ShuttingDown
from steward_runtime.journal.journal import Journal, StepLog
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.tasks.live import LiveTask, build_ended
from steward_runtime.tasks.pinning import Pins
from steward_runtime.tasks.ports import Observer
from steward_runtime.tasks.queries import NO_HISTORY, History, Queries
from steward_runtime.tasks.requests import ConversationView, TaskView, TurnRequest
from steward_runtime.tasks.rows import TaskRow, insert_task
from steward_runtime.tasks.run import RunParts
from steward_runtime.tasks.runs import Runs
from steward_runtime.turn.events import TurnRequested
from steward_runtime.turn.intake import label_request
from steward_runtime.turn.messages import Caller
from steward_runtime.turn.state import TaskStatus, TurnState


class Driver:
    """Drives the tasks of one assistant.

    Args:
        database: where everything is kept.
        keyring: keys and pseudonyms.
        pins: what tasks are pinned to, and the newest rules.
        clock: the time.
        ids: identifiers and salts.
        observer: hears of effects, decisions and ends.
        journal: where steps go; tests of crashes wrap `Journal`.
        resumed_at_once: interrupted tasks that run at the same time after a start.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        pins: Pins,
        *,
        clock: Clock,
        ids: Ids,
        observer: Observer,
        journal: StepLog | None = None,
        resumed_at_once: int = 16,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._pins = pins
        self._conversations = Conversations(keyring)
        log = journal or Journal(database, keyring)
        self._queries = Queries(database, keyring, log, self._conversations)
        self._runs = Runs(
            RunParts(clock, keyring, log, AuditSink(keyring, ids), self._conversations, observer),
            database,
            pins,
            self._queries,
            resumed_at_once=resumed_at_once,
        )
        self._is_draining = False

    @property
    def running(self) -> int:
        """Tasks under way in this process."""
        return self._runs.count

    async def open(self) -> int:
        """Keep the Blueprint and take up interrupted tasks; return how many there are.

        Raises:
            StorageError: if the database cannot be read or written.
        """
        await self._pins.keep(self._clock.now_ms())
        return await self._runs.resume_all()

    async def start(self, request: TurnRequest) -> LiveTask:
        """Accept a request: it is durable when this returns, and runs on by itself.

        A client's retry attaches to the task that its first try began.

        Raises:
            NotFound: if the conversation is absent or foreign.
            ConversationBusy: if another turn of the conversation is under way.
            RequestRefused: if the request cannot be served as it is.
            StorageError: if it could not be made durable; nothing happened.
            ShuttingDown: if the runtime drains.
        """
        if self._is_draining:
            raise ShuttingDown("the assistant is being restarted: try again", retry_after_seconds=2)
        if request.is_retry:
            first = await self.attach(request)
            if first is not None:
                return first
        await self._runs.settle_stalled()
        self._check_tools(request)
        history = await self._read_history(request)
        return await self._accept(request, history)

    async def attach(self, request: TurnRequest) -> LiveTask | None:
        """Return the task that an earlier try of this request began; None if there is none.

        Raises:
            Overloaded: if that task waits for room on the disk.
        """
        row = await self._queries.find_first_try(request, self._clock.now_ms())
        if row is None:
            return None
        live = self._runs.find(row.task_id)
        if live is not None:
            return live
        view = await self._queries.view_row(row)
        if view.ended_at_ms is None:
            raise Overloaded(
                f"task {row.task_id} could not be written down and is settled soon: try again",
                retry_after_seconds=2,
            )
        return build_ended(view.task_id, view.conversation_id, view.accepted_at_ms, view.outcome)

    async def view_task(self, caller: Caller, task_id: str) -> TaskView | None:
        """Return a task of this caller; None for a foreign or absent one alike."""
        return await self._queries.view_task(caller, task_id)

    async def view_conversation(
        self, caller: Caller, conversation_id: str
    ) -> ConversationView | None:
        """Return a conversation of this caller; None for a foreign or absent one alike."""
        return await self._queries.view_conversation(caller, conversation_id)

    def cancel(self, task_id: str) -> bool:
        """End a running task without reply; say whether it was running."""
        return self._runs.cancel(task_id)

    async def drain(self, seconds: float) -> int:
        """Take no new request, wait for running tasks, and leave the rest to the next start.

        Returns:
            How many tasks were left.
        """
        self._is_draining = True
        return await self._runs.drain(seconds)

    async def _read_history(self, request: TurnRequest) -> History:
        if request.conversation_id is None:
            return NO_HISTORY
        return await self._queries.read_history(
            request.conversation_id,
            request.caller.owner,
            bytes_max=self._pins.newest.history_bytes,
        )

    def _check_tools(self, request: TurnRequest) -> None:
        names = [offer.name for offer in request.client_tools]
        taken = {offer.name for offer in self._pins.newest.setting.tools}
        if len(set(names)) < len(names) or taken & set(names):
            raise RequestRefused(
                "a tool in `tools` has the name of another one or of a tool of the assistant: "
                "rename it",
                param="tools",
                reason="ToolNameTaken",
            )

    async def _accept(self, request: TurnRequest, history: History) -> LiveTask:
        event = self._build_event(request, history)
        pin = self._pins.newest
        setting = self._pins.build_setting(pin, history.messages)
        state = TurnState(self._ids.new_id("task"), setting)
        live = LiveTask(state.task_id, event.conversation_id, event.accepted_at_ms)
        run = self._runs.build(state, live, pin, event.caller.subject or NO_SUBJECT)
        accept = partial(
            self._write_accepted,
            row=_build_row(state.task_id, event, self._queries.build_retry_key(request)),
            event=event,
            is_new=request.conversation_id is None,
        )
        await run.begin(event, accept)
        self._runs.launch(run)
        return live

    def _build_event(self, request: TurnRequest, history: History) -> TurnRequested:
        rules, now_ms = self._pins.rules, self._clock.now_ms()
        return TurnRequested(
            caller=request.caller,
            conversation_id=request.conversation_id or self._ids.new_id("conv"),
            history_length=history.length,
            messages=label_request(
                request.messages, request.caller, purpose=rules.purpose, history=history.messages
            ),
            options=request.options,
            client_tools=tuple(
                replace(offer, is_client=True, is_read=False) for offer in request.client_tools
            ),
            blueprint_digest=self._pins.newest.digest,
            accepted_at_ms=now_ms,
            deadline_at_ms=now_ms + rules.deadline_seconds * 1_000,
        )

    def _write_accepted(
        self, connection: Connection, *, row: TaskRow, event: TurnRequested, is_new: bool
    ) -> None:
        """Write task, conversation and messages of an accepted request."""
        at_ms = event.accepted_at_ms
        insert_task(connection, row)
        if is_new:
            self._conversations.create(connection, row.conversation_id, event.caller, at_ms)
        self._conversations.append(
            connection,
            row.conversation_id,
            event.messages,
            task_id=row.task_id,
            at_ms=at_ms,
            expected_length=event.history_length,
        )


def _build_row(task_id: str, event: TurnRequested, retry_key: bytes) -> TaskRow:
    return TaskRow(
        task_id=task_id,
        owner=event.caller.owner,
        subject=event.caller.subject,
        conversation_id=event.conversation_id,
        blueprint_digest=event.blueprint_digest,
        status=TaskStatus.RUNNING,
        reason="",
        retry_key=retry_key,
        accepted_at_ms=event.accepted_at_ms,
        deadline_at_ms=event.deadline_at_ms,
    )
