"""A task as its clients see it: text while it comes, then the outcome.

The task does not need its clients: they may leave, come back or never look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from steward_runtime.errors import StewardError
from steward_runtime.turn.state import Outcome, TurnState, join_texts


class LiveTask:
    """A running or ended task that can be followed.

    Args:
        task_id: the task.
        conversation_id: conversation that it belongs to.
        accepted_at_ms: when it was accepted.
    """

    def __init__(self, task_id: str, conversation_id: str, accepted_at_ms: int) -> None:
        self.task_id = task_id
        self.conversation_id = conversation_id
        self.accepted_at_ms = accepted_at_ms
        self._texts: list[str] = []
        self._outcome: Outcome | None = None
        self._error: StewardError | None = None
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def is_ended(self) -> bool:
        """The outcome, or why there is none, is known."""
        return self._outcome is not None or self._error is not None

    @property
    def has_text(self) -> bool:
        """Some of the reply is there."""
        return bool(self._texts)

    def publish(self, text: str) -> None:
        """Add a piece of the reply."""
        if text:
            self._texts.append(text)
            self._wake()

    def restore(self, state: TurnState) -> None:
        """Begin with what models said before an interruption."""
        self.publish(join_texts(state.exchanges))

    def finish(self, outcome: Outcome) -> None:
        """Say what came of the task; its journal is durable by now."""
        self._outcome = outcome
        self._wake()

    def break_off(self, error: StewardError) -> None:
        """Say that the outcome could not be made durable here; a restart will settle it."""
        if not self.is_ended:
            self._error = error
            self._wake()

    async def follow(self) -> AsyncGenerator[str, None]:
        """Yield the pieces of the reply from the beginning until the task ends.

        Raises:
            StewardError: if the outcome could not be made durable.
        """
        position = 0
        while True:
            while position < len(self._texts):
                position += 1
                yield self._texts[position - 1]
            if self._outcome is not None:
                return
            await self._change()

    async def wait(self) -> Outcome:
        """Wait for the outcome.

        Raises:
            StewardError: if the outcome could not be made durable.
        """
        while self._outcome is None:
            await self._change()
        return self._outcome

    async def _change(self) -> None:
        if self._error is not None:
            raise self._error
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def build_ended(
    task_id: str, conversation_id: str, accepted_at_ms: int, outcome: Outcome
) -> LiveTask:
    """Return a task that ended before, for a client that comes back."""
    live = LiveTask(task_id, conversation_id, accepted_at_ms)
    live.publish(outcome.text)
    live.finish(outcome)
    return live
