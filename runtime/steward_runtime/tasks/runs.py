"""The runs of this process: what is under way, what was interrupted, what could not be written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from steward_runtime.errors import ShuttingDown, StewardError, StorageError
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.effects import DEFECT_MESSAGE, Effects
from steward_runtime.tasks.judge import Judge
from steward_runtime.tasks.live import LiveTask
from steward_runtime.tasks.pinning import Pin, Pins
from steward_runtime.tasks.queries import Queries
from steward_runtime.tasks.rows import TaskRow, gather_unfinished
from steward_runtime.tasks.run import RunParts, TurnRun
from steward_runtime.turn.apply import fold
from steward_runtime.turn.state import Failure, TurnState

DEFECT: Final = Failure("InternalError", DEFECT_MESSAGE)
STORAGE_FAILURE: Final = Failure(
    "StorageUnavailable", "the database could not be written: send the request again"
)
CANCELLED: Final = Failure("Cancelled", "the task was cancelled")


class Runs:
    """Keeps the runs of one assistant.

    Args:
        parts: what all runs share.
        database: where unfinished tasks are found.
        pins: what tasks are pinned to, and the newest rules.
        queries: reads conversations.
        resumed_at_once: interrupted tasks that run at the same time after a start.
    """

    def __init__(
        self,
        parts: RunParts,
        database: Database,
        pins: Pins,
        queries: Queries,
        *,
        resumed_at_once: int,
    ) -> None:
        self._parts = parts
        self._database = database
        self._pins = pins
        self._queries = queries
        self._live: dict[str, LiveTask] = {}
        self._runs: dict[str, TurnRun] = {}
        self._stalled: dict[str, TurnRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(resumed_at_once)

    @property
    def count(self) -> int:
        """Tasks under way."""
        return len(self._live)

    def find(self, task_id: str) -> LiveTask | None:
        """Return a task under way."""
        return self._live.get(task_id)

    def build(self, state: TurnState, live: LiveTask, pin: Pin, key_subject: str) -> TurnRun:
        """Make a run of a new task."""
        return self._build(state, live, pin, key_subject=key_subject, records=0)

    def launch(self, run: TurnRun) -> None:
        """Let a run that has begun go on by itself."""
        self._live[run.live.task_id] = run.live
        self._spawn(self._drive(run))

    def cancel(self, task_id: str) -> bool:
        """End a task without reply; say whether it was under way."""
        run = self._runs.get(task_id)
        if run is not None:
            run.abort(CANCELLED)
        return run is not None

    async def resume_all(self) -> int:
        """Take up every task that has not ended; return how many there are."""
        rows = await self._database.read(gather_unfinished)
        for row in rows:
            live = LiveTask(row.task_id, row.conversation_id, row.accepted_at_ms)
            self._live[row.task_id] = live
            self._spawn(self._resume(row, live))
        return len(rows)

    async def settle_stalled(self) -> None:
        """Write down the ends of tasks whose last step found no room.

        Raises:
            StorageError: if there still is none.
        """
        while self._stalled:
            task_id, run = self._stalled.popitem()
            try:
                await run.settle(STORAGE_FAILURE, keep_pending=True)
            except StorageError:
                self._stalled[task_id] = run
                raise

    async def drain(self, seconds: float) -> int:
        """Wait for runs, then leave the rest to the next start; return how many were left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, run: TurnRun) -> None:
        """Drive a run to its end, whatever happens."""
        live, started = run.live, self._parts.clock.monotonic_seconds()
        self._runs[live.task_id] = run
        try:
            await self._drive_or_settle(run)
        except asyncio.CancelledError:
            live.break_off(_interrupted(live.task_id))
            raise
        except StorageError as error:
            self._stalled[live.task_id] = run
            live.break_off(error)
        finally:
            self._runs.pop(live.task_id, None)
            self._live.pop(live.task_id, None)
            seconds = self._parts.clock.monotonic_seconds() - started
            self._parts.observer.ended(live.task_id, run.end_reason, seconds)

    async def _drive_or_settle(self, run: TurnRun) -> None:
        try:
            await run.drive()
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 # a defect ends its own task and no other
            self._parts.observer.fault(run.live.task_id, "Step", error)
            await run.settle(DEFECT, keep_pending=False)

    async def _resume(self, row: TaskRow, live: LiveTask) -> None:
        """Take up one interrupted task."""
        async with self._places:
            try:
                run = await self._rebuild(row, live)
            except StorageError as error:
                self._live.pop(row.task_id, None)
                live.break_off(error)
                return
            await self._drive(run)

    async def _rebuild(self, row: TaskRow, live: LiveTask) -> TurnRun:
        """Fold a task's journal and make the first decision; a task that cannot go on fails."""
        records = await self._database.read(lambda c: _count_records(c, row.task_id))
        try:
            return await self._fold(row, live, records)
        except StorageError:
            raise
        except StewardError as error:
            failure = Failure(error.reason, error.message)
        except Exception as error:  # noqa: BLE001 # a defect ends its own task and no other
            self._parts.observer.fault(row.task_id, "Resume", error)
            failure = DEFECT
        state = TurnState(row.task_id, failure=failure)
        pin = self._pins.newest
        run = self._build(state, live, pin, key_subject=row.key_subject, records=records)
        await run.settle(failure, keep_pending=False)
        return run

    async def _fold(self, row: TaskRow, live: LiveTask, records: int) -> TurnRun:
        entries = await self._parts.journal.read(row.task_id)
        state = fold(TurnState(row.task_id), (entry.event for entry in entries))
        pin = await self._pins.find(row.blueprint_digest)
        history = await self._queries.read_history(
            row.conversation_id,
            row.owner,
            bytes_max=pin.history_bytes,
            length=0 if state.request is None else state.request.history_length,
        )
        setting = self._pins.build_setting(pin, history.messages)
        state = fold(TurnState(row.task_id, setting), (entry.event for entry in entries))
        live.restore(state)
        run = self._build(state, live, pin, key_subject=row.key_subject, records=records)
        await run.resume()
        return run

    def _build(
        self,
        state: TurnState,
        live: LiveTask,
        pin: Pin,
        *,
        key_subject: str,
        records: int,
    ) -> TurnRun:
        rules, observer = self._pins.rules, self._parts.observer
        effects = Effects(
            pin,
            rules,
            live,
            memory=self._pins.newest.adapters.memory,
            observer=observer,
            clock=self._parts.clock,
        )
        judge = Judge(rules, pin.schemas, self._parts.keyring, observer)
        return TurnRun(
            self._parts,
            state,
            live,
            judge=judge,
            effects=effects,
            key_subject=key_subject,
            records=records,
        )


def _count_records(connection: Connection, task_id: str) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM journal WHERE task_id = ?", (task_id,)
    ).fetchone()
    return int(count)


def _interrupted(task_id: str) -> ShuttingDown:
    return ShuttingDown(
        f"the assistant stops before task {task_id} ended; it goes on after the restart, and GET "
        f"/v1/tasks/{task_id} tells its outcome",
        retry_after_seconds=2,
    )
