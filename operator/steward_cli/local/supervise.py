"""The supervisor: starts children in order, keeps them, runs the schedules, drains on a signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from steward_cli.local.child import Child, ChildSpec, Say
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, RunState, apply_record
from steward_cli.local.schedules import PurgeTimer

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED_CODE: Final = 130

Loop = Callable[[], Awaitable[None]]
"""Something that goes on beside the children until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is started, in this order: all of `first` at once, then `runtime`."""

    first: tuple[ChildSpec, ...]
    runtime: ChildSpec | None
    """None while the Assistant is suspended."""

    @property
    def all(self) -> tuple[ChildSpec, ...]:
        """Every child, in the order of starting."""
        return (*self.first, *((self.runtime,) if self.runtime else ()))


class Supervisor:
    """Runs one local assistant from start to drained end."""

    def __init__(self, state: StateFolder, cast: Cast, record: RunRecord, say: Say) -> None:
        self._state = state
        self._record = record
        self._say = say
        self._stop = asyncio.Event()
        self._first = tuple(Child(spec, say, self._write) for spec in cast.first)
        self._runtime = Child(cast.runtime, say, self._write) if cast.runtime else None
        self._timer: PurgeTimer | None = None

    async def run(self, timer: PurgeTimer | None, loops: tuple[Loop, ...], greeting: str) -> int:
        """Start everything, say `greeting`, wait for a signal, drain; return the exit code.

        Raises:
            ChildFailed: if a child cannot be started; the others are stopped before.
        """
        self._timer = timer
        self._listen()
        tasks: list[asyncio.Task[None]] = []
        try:
            if not await self._start():
                return INTERRUPTED_CODE
            self._enter(RunState.READY)
            self._say(greeting)
            tasks = [asyncio.create_task(_go(loop)) for loop in loops]
            if timer is not None:
                tasks.append(asyncio.create_task(timer.keep(self._write)))
            for task in tasks:
                task.add_done_callback(self._report)
            await self._stop.wait()
            return 0
        finally:
            self._enter(RunState.STOPPING)
            await _cancel(tasks)
            await self._drain()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._take_signal)

    def _take_signal(self) -> None:
        if self._stop.is_set():
            self._say("stopping at once")
            for child in self._children():
                child.kill()
        self._stop.set()

    async def _start(self) -> bool:
        starting = asyncio.create_task(self._start_children())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            await _cancel([starting])
            return False
        await starting
        return True

    async def _start_children(self) -> None:
        async with asyncio.TaskGroup() as group:
            for child in self._first:
                group.create_task(child.start())
        if self._runtime is not None:
            await self._runtime.start()

    async def _drain(self) -> None:
        if self._runtime is not None:
            if self._runtime.record() is not None:
                self._say(
                    "draining: running tasks may finish within "
                    f"{self._runtime.spec.grace_seconds} s (Ctrl-C again stops at once)"
                )
            await self._runtime.stop()
        await asyncio.gather(*(child.stop() for child in self._first))
        self._say(f"{self._state.name} has stopped; its state is kept in {self._state.root}")

    def _report(self, task: asyncio.Task[None]) -> None:
        """Say that a schedule or the archive has ended: neither should, and not in silence."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._say(
                f"a loop of the supervisor ended ({type(fault).__name__}: {fault}); restart it"
            )

    def _children(self) -> tuple[Child, ...]:
        return (*self._first, *((self._runtime,) if self._runtime else ()))

    def _enter(self, state: RunState) -> None:
        self._record = self._record.model_copy(update={"state": state})
        self._write()

    def _write(self) -> None:
        processes = tuple(
            record for child in self._children() if (record := child.record()) is not None
        )
        changes: dict[str, object] = {"processes": processes}
        if self._timer is not None and self._record.purge is not None:
            changes["purge"] = self._record.purge.model_copy(
                update={"runs": self._timer.runs, "last_exit_code": self._timer.last_exit_code}
            )
        self._record = self._record.model_copy(update=changes)
        apply_record(self._state, self._record)


async def _go(loop: Loop) -> None:
    await loop()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task
