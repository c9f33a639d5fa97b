"""What owners may see of tasks and conversations; foreign and absent are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import DataKeyDestroyed, NotFound
from steward_runtime.journal.journal import StepLog
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.tasks.requests import (
    ConversationView,
    StepType,
    TaskStep,
    TaskView,
    TurnRequest,
)
from steward_runtime.tasks.rows import TaskRow, find_retried, find_task
from steward_runtime.turn.apply import fold
from steward_runtime.turn.messages import Caller, Message
from steward_runtime.turn.state import (
    CallStatus,
    Outcome,
    TaskStatus,
    TurnState,
    read_outcome,
)

RETRY_WINDOW_SECONDS: Final = 600
"""How long after a request its retry attaches: the openai client's default timeout."""


@dataclass(frozen=True, slots=True)
class History:
    """What a turn goes on from: how long its conversation is, and the newest messages of it."""

    length: int
    messages: tuple[Message, ...]


NO_HISTORY: Final = History(0, ())
"""A conversation that begins."""


class Queries:
    """Reads on behalf of a caller.

    Args:
        database: where rows are.
        keyring: recognises retries without keeping what was asked.
        journal: outcomes of tasks.
        conversations: messages.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        journal: StepLog,
        conversations: Conversations,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._journal = journal
        self._conversations = conversations

    async def view_task(self, caller: Caller, task_id: str) -> TaskView | None:
        """Return a task of this caller."""
        row = await self._database.read(lambda c: find_task(c, task_id, caller.owner))
        return None if row is None else await self.view_row(row)

    async def view_row(self, row: TaskRow) -> TaskView:
        """Return the view of a row."""
        outcome = Outcome(TaskStatus(row.status), reason=row.reason)
        steps: tuple[TaskStep, ...] = ()
        state = None if row.ended_at_ms is None else await self._read_state(row)
        if state is not None:
            outcome, steps = read_outcome(state), list_steps(state)
        return TaskView(
            row.task_id, row.conversation_id, row.accepted_at_ms, row.ended_at_ms, outcome, steps
        )

    async def view_conversation(
        self, caller: Caller, conversation_id: str
    ) -> ConversationView | None:
        """Return a conversation of this caller with its messages."""

        def read(connection: Connection) -> ConversationView | None:
            found = self._conversations.find(connection, conversation_id, caller.owner)
            if found is None:
                return None
            return ConversationView(
                found.conversation_id,
                found.created_at_ms,
                found.changed_at_ms,
                self._conversations.read(connection, conversation_id),
            )

        try:
            return await self._database.read(read)
        except DataKeyDestroyed:
            return None

    async def read_history(
        self, conversation_id: str, owner: str, *, bytes_max: int, length: int | None = None
    ) -> History:
        """Return what a turn goes on from, so that a long conversation costs no more than a short.

        Args:
            conversation_id: the conversation.
            owner: pseudonym of its owner.
            bytes_max: bytes of messages after which no older one is read.
            length: messages that the conversation had before the turn; None for all.

        Raises:
            NotFound: if the conversation is absent or foreign.
        """

        def read(connection: Connection) -> History | None:
            found = self._conversations.find(connection, conversation_id, owner)
            if found is None:
                return None
            until = found.length if length is None else length
            stored = self._conversations.read_newest(
                connection, conversation_id, length=until, bytes_max=bytes_max
            )
            return History(until, tuple(entry.message for entry in stored))

        history = await self._database.read(read)
        if history is None:
            raise NotFound(
                "the conversation does not exist: begin one by leaving out Steward-Conversation",
                param="Steward-Conversation",
                reason="ConversationNotFound",
            )
        return history

    async def find_first_try(self, request: TurnRequest, now_ms: int) -> TaskRow | None:
        """Return the task that a client's earlier try of the same request began."""
        retry_key = self.build_retry_key(request)
        since_ms = now_ms - RETRY_WINDOW_SECONDS * 1_000
        return await self._database.read(lambda c: find_retried(c, retry_key, since_ms))

    def build_retry_key(self, request: TurnRequest) -> bytes:
        """Return the keyed digest of caller, conversation and body."""
        caller = request.caller
        parts = (caller.principal, caller.subject or "", request.conversation_id or "")
        content = "\0".join(parts).encode() + b"\0" + request.body_digest
        return self._keyring.keyed_digest("retry", content)

    async def _read_state(self, row: TaskRow) -> TurnState | None:
        """Fold the journal of an ended task; None once its key is gone."""
        try:
            entries = await self._journal.read(row.task_id)
        except DataKeyDestroyed:
            return None
        return fold(TurnState(row.task_id), (entry.event for entry in entries))


def list_steps(state: TurnState) -> tuple[TaskStep, ...]:
    """Return what was done in a turn: recall, then the calls of the assistant's own tools."""
    recalls = (
        ()
        if state.recalled is None
        else (
            TaskStep(
                StepType.RECALL,
                CallStatus.RESOLVED,
                records=tuple(record.record_id for record in state.recalled),
            ),
        )
    )
    calls = (call for exchange in state.exchanges for call in exchange.calls if not call.is_client)
    return (
        *recalls,
        *(TaskStep(StepType.TOOL, call.status, call.call.tool, call.reason) for call in calls),
    )
