"""Purging while turns run: nothing acknowledged that is not due is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from steward_api.receipt import Outcome
from steward_core import ALICE, Core, ask, build_blueprint, open_core
from steward_memory import SAID_BY_USER
from steward_purge import KEEP_SECONDS, PurgeBench, open_bench, seed_conversation
from steward_runtime.clock import ManualClock
from steward_runtime.errors import NotFound, StorageError
from steward_runtime.models.fake import Saying, ScriptedModel
from steward_runtime.policy.permit import Permit
from steward_runtime.retention.runs import Step
from steward_runtime.storage.connection import Connection
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.turn.messages import ChatDelta, ChatDone, ChatRequest, Message, Role

ROUNDS = 6
CONVERSATIONS = 12


def write_once(bench: PurgeBench, conversation_id: str) -> bool:
    """Append a message as the driver does; say whether it was acknowledged."""
    conversations = Conversations(bench.keyring)

    def write(connection: Connection) -> bool:
        if conversations.find(connection, conversation_id, "ada") is None:
            return False
        message = Message(Role.USER, "again", SAID_BY_USER)
        conversations.append(
            connection,
            conversation_id,
            [message],
            task_id="task_1",
            at_ms=bench.clock.now_ms(),
        )
        return True

    try:
        return bench.database.write_now(write)
    except StorageError:
        return False


def count_messages(bench: PurgeBench, conversation_id: str) -> int:
    """Count messages that can still be opened."""

    def read(connection: Connection) -> int:
        return len(Conversations(bench.keyring).read(connection, conversation_id))

    return bench.database.read_now(read)


def test_a_write_is_either_refused_or_kept(tmp_path: Path) -> None:
    """Writers race with the purge for conversations that are due in this very moment.

    Whoever was acknowledged finds the whole conversation afterwards; whoever was not finds nothing.
    """
    clock = ManualClock()
    kept = gone = 0
    with open_bench(tmp_path, clock) as bench, ThreadPoolExecutor(CONVERSATIONS + 1) as threads:
        for _ in range(ROUNDS):
            ids = [
                seed_conversation(bench.database, bench.keyring, clock.now_ms()).record_id
                for _ in range(CONVERSATIONS)
            ]
            clock.move(KEEP_SECONDS)
            start = Barrier(CONVERSATIONS + 1)

            def purge(start: Barrier = start) -> None:
                start.wait()
                bench.run()

            def write(number: int, ids: list[str] = ids, start: Barrier = start) -> bool:
                start.wait()
                for _ in range(number * 40):  # spreads the writers over the steps of the run
                    bench.database.read_now(lambda c: c.execute("SELECT 1").fetchone())
                return write_once(bench, ids[number])

            running = threads.submit(purge)
            acknowledged = list(threads.map(write, range(CONVERSATIONS)))
            running.result(60)
            for conversation_id, is_acknowledged in zip(ids, acknowledged, strict=True):
                wanted = 3 if is_acknowledged else 0
                assert count_messages(bench, conversation_id) == wanted
            kept += sum(acknowledged)
            gone += len(ids) - sum(acknowledged)
        assert kept + gone == ROUNDS * CONVERSATIONS
        assert gone > 0
        for entry in bench.receipts.list_entries():
            run = bench.build().find(entry.run_id)
            assert run is not None
            assert bench.read_claim(run).outcome is Outcome.COMPLETE


class SpeakingObserver:
    """Lets somebody talk right before a step of the run, and goes on when they have the answer."""

    def __init__(self, core: Core, conversation_id: str, step: Step) -> None:
        self.outcome: BaseException | str | None = None
        self._core = core
        self._conversation_id = conversation_id
        self._step = step
        self._loop = asyncio.get_running_loop()

    def before(self, _run_id: str, step: Step) -> None:
        """Talk if this is the step."""
        if step is self._step:
            asyncio.run_coroutine_threadsafe(self._talk(), self._loop).result(30)

    def after(self, _run_id: str, _step: Step) -> None:
        """Do nothing."""

    async def _talk(self) -> None:
        try:
            request = ask("still there?", conversation_id=self._conversation_id)
            outcome = await self._core.chat(request)
            self.outcome = outcome.text
        except (NotFound, StorageError) as error:
            self.outcome = error


@pytest.mark.parametrize(
    ("step", "is_kept"), [(Step.FROZEN, True), (Step.SURVEYED, False), (Step.DELETED, False)]
)
async def test_a_turn_meets_a_purge(tmp_path: Path, step: Step, *, is_kept: bool) -> None:
    """Before the freeze a turn takes the conversation up again; after it there is none any more."""
    clock = ManualClock()
    model = ScriptedModel("main", lambda _: Saying(("yes",)))
    async with open_core(tmp_path, build_blueprint(), model, clock=clock) as core:
        first = await core.driver.start(ask("hello"))
        await first.wait()
        clock.move(KEEP_SECONDS)
        bench = PurgeBench(tmp_path, core.database, core.keyring, clock)
        observer = SpeakingObserver(core, first.conversation_id, step)
        bench.observer = observer
        await asyncio.to_thread(bench.run)
        view = await core.driver.view_conversation(ALICE, first.conversation_id)
        if is_kept:
            assert observer.outcome == "yes"
            assert view is not None
            assert len(view.messages) == 4
        else:
            assert isinstance(observer.outcome, NotFound)
            assert view is None


class SlowModel:
    """A model that answers when it is let."""

    def __init__(self) -> None:
        self.was_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self._inner = ScriptedModel("main", lambda _: Saying(("done",)))

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Wait, then answer."""
        self.was_asked.set()
        await self.may_answer.wait()
        async for piece in self._inner.complete(permit, request):
            yield piece


async def test_a_running_turn_is_not_purged(tmp_path: Path) -> None:
    """However long the model takes: the task and its conversation are in use."""
    clock = ManualClock()
    model = SlowModel()
    blueprint = build_blueprint(turn_deadline_seconds=3_600)
    async with open_core(tmp_path, blueprint, model, clock=clock) as core:
        live = await core.driver.start(ask("hello"))
        await model.was_asked.wait()
        clock.move(KEEP_SECONDS * 2)
        bench = PurgeBench(tmp_path, core.database, core.keyring, clock)
        await asyncio.to_thread(bench.run)
        model.may_answer.set()
        outcome = await live.wait()
        assert outcome.text == "done"
        view = await core.driver.view_conversation(ALICE, live.conversation_id)
        assert view is not None
        assert len(view.messages) == 2
