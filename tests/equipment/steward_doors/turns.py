"""A driver that plays a script."""

from __future__ import annotations

from steward_loopback import until
from steward_runtime.errors import StewardError
from steward_runtime.labels import BOTTOM
from steward_runtime.tasks.live import LiveTask
from steward_runtime.tasks.requests import ConversationView, TaskView, TurnRequest
from steward_runtime.turn.messages import Caller, Recalled, ToolCall, Usage
from steward_runtime.turn.state import Outcome, TaskStatus

GENERATED_KEY = "sk-steward-" + "k" * 43


def reply(text: str = "Hello there", *calls: ToolCall) -> Outcome:
    """Return a good outcome."""
    reason = "tool_calls" if calls else "stop"
    return Outcome(TaskStatus.REPLIED, text, calls, reason, Usage(11, 7), "main")


class ScriptedTurns:
    """Accepts every request; a test says what becomes of it."""

    def __init__(self) -> None:
        self.requests: list[TurnRequest] = []
        self.live: list[LiveTask] = []
        self.error: StewardError | None = None
        """Raised instead of accepting, while it is set."""
        self.outcome: Outcome | None = reply()
        """Given to each task at once; None leaves it to the test."""
        self.pieces: tuple[str, ...] = ("Hello ", "there")
        self.first: LiveTask | None = None
        """Task to which a retry attaches."""
        self.tasks: dict[tuple[str, str], TaskView] = {}
        self.conversations: dict[tuple[str, str], ConversationView] = {}

    async def start(self, request: TurnRequest) -> LiveTask:
        """Accept a request."""
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        number = len(self.requests)
        live = LiveTask(f"task_{number}", request.conversation_id or f"conv_{number}", 1_700_000)
        self.live.append(live)
        if self.outcome is not None:
            for piece in self.pieces:
                live.publish(piece)
            live.finish(self.outcome)
        return live

    async def attach(self, request: TurnRequest) -> LiveTask | None:
        """Return the first try."""
        return self.first

    async def view_task(self, caller: Caller, task_id: str) -> TaskView | None:
        """Return a task of this caller."""
        return self.tasks.get((caller.owner, task_id))

    async def view_conversation(
        self, caller: Caller, conversation_id: str
    ) -> ConversationView | None:
        """Return a conversation of this caller."""
        return self.conversations.get((caller.owner, conversation_id))

    async def wait_for(self, count: int) -> LiveTask:
        """Return the task with this number, once it was accepted."""
        await until(lambda: len(self.live) >= count, f"task {count}")
        return self.live[count - 1]


class ScriptedMemories:
    """Keeps records in a list; every caller sees all."""

    def __init__(self) -> None:
        self.records: list[Recalled] = []
        self.keys: list[str | None] = []
        self.asked: list[tuple[str | None, str | None]] = []
        self.error: StewardError | None = None

    async def list_records(
        self, caller: Caller, segment: str | None, domain: str | None
    ) -> tuple[Recalled, ...]:
        """Return all records."""
        self._check()
        self.asked.append((segment, domain))
        return tuple(self.records)

    async def add(self, caller: Caller, segment: str, text: str, key: str | None) -> Recalled:
        """Keep one record."""
        self._check()
        record = Recalled(f"mem_{len(self.records)}", segment, text, BOTTOM, 1_700_000)
        self.records.append(record)
        self.keys.append(key)
        return record

    async def delete(self, caller: Caller, record_id: str) -> None:
        """Forget one record."""
        self._check()
        self.records = [each for each in self.records if each.record_id != record_id]

    def _check(self) -> None:
        if self.error is not None:
            raise self.error
