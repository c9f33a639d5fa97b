"""What the doors need from other rooms, as protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from steward_runtime.tasks.requests import ConversationView, TaskView, TurnRequest
from steward_runtime.turn.messages import Caller, Recalled
from steward_runtime.turn.state import Outcome


class Followed(Protocol):
    """A task that a client follows."""

    task_id: str
    conversation_id: str
    accepted_at_ms: int

    def follow(self) -> AsyncIterator[str]:
        """Yield pieces of the reply until the task ends."""
        ...

    async def wait(self) -> Outcome:
        """Wait for the outcome."""
        ...


class Turns(Protocol):
    """Accepts turns and shows tasks and conversations to their owners."""

    async def start(self, request: TurnRequest) -> Followed:
        """Accept a request; it is durable when this returns."""
        ...

    async def attach(self, request: TurnRequest) -> Followed | None:
        """Return the task that an earlier try of this request began."""
        ...

    async def view_task(self, caller: Caller, task_id: str) -> TaskView | None:
        """Return a task of this caller; None for a foreign or absent one alike."""
        ...

    async def view_conversation(
        self, caller: Caller, conversation_id: str
    ) -> ConversationView | None:
        """Return a conversation of this caller; None for a foreign or absent one alike."""
        ...


class Memories(Protocol):
    """A subject's own memory, over HTTP."""

    async def list_records(
        self, caller: Caller, segment: str | None, domain: str | None
    ) -> tuple[Recalled, ...]:
        """Return the records of the caller's subject."""
        ...

    async def add(self, caller: Caller, segment: str, text: str, key: str | None) -> Recalled:
        """Write one record; a key that came before writes nothing more."""
        ...

    async def delete(self, caller: Caller, record_id: str) -> None:
        """Delete one record."""
        ...


class Purges(Protocol):
    """Purge runs and receipts; documents are JSON objects."""

    async def start_purge(self) -> Mapping[str, Any]:
        """Start a purge run, or join the one that is under way."""
        ...

    async def start_erasure(self) -> Mapping[str, Any]:
        """Freeze the assistant for good and start to erase everything."""
        ...

    async def show_purge(self, run_id: str) -> Mapping[str, Any] | None:
        """Return a run, or None if there is no such run."""
        ...

    async def list_receipts(self, after: str | None) -> Mapping[str, Any]:
        """Return receipts from the oldest on, after the one with this digest."""
        ...

    async def read_receipt(self, digest: str) -> bytes | None:
        """Return the envelope of one receipt as it was signed."""
        ...

    async def acknowledge_receipt(self, digest: str, document: object) -> None:
        """Keep the archive's co-signature."""
        ...


class Meter(Protocol):
    """Counts what passes the doors."""

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request; `route` is the pattern, never the path."""

    def record_refusal(self, reason: str) -> None:
        """Count a refusal by its reason."""

    def record_queue(self, running: int, waiting: int) -> None:
        """Show how many tasks run and wait now."""

    def render(self) -> bytes:
        """Return the exposition."""
        ...
