"""Opening the core on a folder, as the wiring does, with scripted edges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from steward_api.blueprint import Blueprint
from steward_core.scripted_tools import ScriptedTools
from steward_runtime.clock import Clock, RandomIds, SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.journal.journal import Entry, Journal, StepLog
from steward_runtime.storage.database import Database
from steward_runtime.tasks.driver import Driver
from steward_runtime.tasks.pinning import Pins
from steward_runtime.tasks.ports import Adapters, ChatModel, Memory, SilentObserver, ToolAdapter
from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.turn.state import Outcome

KEK = bytes(range(32))
Wrap = Callable[[StepLog], StepLog]


@dataclass(frozen=True, slots=True)
class Core:
    """What a test holds in its hands."""

    database: Database
    keyring: Keyring
    driver: Driver
    journal: Journal

    async def chat(self, request: TurnRequest) -> Outcome:
        """Send a request and wait for its outcome."""
        live = await self.driver.start(request)
        return await live.wait()

    async def read_all(self) -> tuple[Entry, ...]:
        """Read the records of every task, oldest task first."""
        ids = await self.database.read(
            lambda c: c.execute("SELECT task_id FROM tasks ORDER BY accepted_at").fetchall()
        )
        return tuple([entry for (task_id,) in ids for entry in await self.journal.read(task_id)])


@contextmanager
def open_database(directory: Path, *, page_count_max: int | None = None) -> Iterator[Database]:
    """Open a database and close it afterwards."""
    database = Database(directory, page_count_max=page_count_max)
    try:
        yield database
    finally:
        database.close()


@asynccontextmanager
async def open_core(
    directory: Path,
    blueprint: Blueprint,
    model: ChatModel,
    *,
    tools: ToolAdapter | None = None,
    build_memory: Callable[[Database, Keyring], Memory] | None = None,
    clock: Clock | None = None,
    wrap_journal: Wrap | None = None,
) -> AsyncIterator[Core]:
    """Open everything on `directory`, resume what was interrupted, and drain at the end."""
    clock = clock or SystemClock()
    with open_database(directory) as database:
        keyring = Keyring(KEK, "kek-1", clock)
        memory = build_memory(database, keyring) if build_memory else None
        adapters = Adapters(model, tools or ScriptedTools(), memory)
        journal = Journal(database, keyring)
        driver = Driver(
            database,
            keyring,
            Pins(database, blueprint, lambda _: adapters),
            clock=clock,
            ids=RandomIds(),
            observer=SilentObserver(),
            journal=wrap_journal(journal) if wrap_journal else journal,
        )
        await driver.open()
        try:
            yield Core(database, keyring, driver, journal)
        finally:
            await driver.drain(0)
