"""Runs over a restart in one process: resuming, pins, erased data, and a disk that was full."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from steward_api.v1alpha1.tool import Effect
from steward_core import (
    ALICE,
    KEK,
    Core,
    ScriptedTools,
    ask,
    build_blueprint,
    build_tool,
    open_core,
    open_database,
)
from steward_runtime.clock import ManualClock, SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import ShuttingDown, StorageFull
from steward_runtime.journal.journal import Entry, Step, StepLog
from steward_runtime.journal.records import RecordType
from steward_runtime.models.fake import Calling, Line, Saying, ScriptedModel
from steward_runtime.tasks.requests import TaskView
from steward_runtime.turn.messages import ChatRequest, Role, ToolCall, ToolOutcome, ToolRequest
from steward_runtime.turn.state import TaskStatus

LOOKUP = build_tool("lookup")


def answer(request: ChatRequest) -> Line:
    """Call the tool once, then speak."""
    if request.messages[-1].role is Role.TOOL:
        return Saying(("It is open.",))
    return Calling((ToolCall("c1", "lookup", '{"ticket":"T-1"}'),), text="I look.")


async def _interrupt(directory: Path, text: str = "What of T-1?") -> str:
    """Begin a task whose tool hangs, and stop the runtime; return the task's id."""
    called = asyncio.Event()

    async def hang(_: ToolRequest) -> ToolOutcome:
        called.set()
        return await asyncio.Future()

    model = ScriptedModel("main", answer)
    tools = ScriptedTools(hang)
    async with open_core(directory, build_blueprint(LOOKUP), model, tools=tools) as core:
        live = await core.driver.start(ask(text))
        await called.wait()
        assert await core.driver.drain(0) == 1
        with pytest.raises(ShuttingDown, match=live.task_id):
            await live.wait()
    return live.task_id


async def _view_end(core: Core, task_id: str) -> TaskView:
    assert await core.driver.drain(10) == 0
    view = await core.driver.view_task(ALICE, task_id)
    assert view is not None
    return view


async def test_an_interrupted_task_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The model is not asked again for what it said; text before and after is whole."""
    task_id = await _interrupt(tmp_path)
    model = ScriptedModel("main", answer)
    async with open_core(tmp_path, build_blueprint(LOOKUP), model) as core:
        view = await _view_end(core, task_id)
    assert view.outcome.text == "I look.\n\nIt is open."
    assert len(model.requests) == 1


async def test_a_retry_attaches_to_a_resumed_task(tmp_path: Path) -> None:
    """The client that came back follows the whole reply."""
    task_id = await _interrupt(tmp_path)
    model = ScriptedModel("main", answer)
    async with open_core(tmp_path, build_blueprint(LOOKUP), model) as core:
        live = await core.driver.start(ask("What of T-1?", is_retry=True))
        assert live.task_id == task_id
        assert "".join([piece async for piece in live.follow()]) == "I look.\n\nIt is open."


async def test_a_resumed_task_keeps_its_prompt_and_obeys_the_newest_contract(
    tmp_path: Path,
) -> None:
    """Prompt and schemas are pinned; what is forbidden meanwhile stays undone."""
    task_id = await _interrupt(tmp_path)
    model = ScriptedModel("main", answer)
    tools = ScriptedTools()
    newer = build_blueprint(build_tool("lookup", Effect.DESTRUCTIVE), prompt="Be someone else.")
    async with open_core(tmp_path, newer, model, tools=tools) as core:
        view = await _view_end(core, task_id)
    assert view.outcome.status is TaskStatus.REPLIED
    assert tools.called == []
    assert model.requests[0].messages[0].text == "You are the help desk."


async def test_a_task_past_its_deadline_fails_at_the_start(tmp_path: Path) -> None:
    """Time passes while the runtime is down; the call in doubt stays in doubt."""
    task_id = await _interrupt(tmp_path)
    model, tools = ScriptedModel("main", answer), ScriptedTools()
    later = ManualClock(SystemClock().now_ms() + 3_600_000)
    async with open_core(
        tmp_path, build_blueprint(LOOKUP), model, tools=tools, clock=later
    ) as core:
        view = await _view_end(core, task_id)
    assert (view.outcome.status, view.outcome.reason) == (TaskStatus.FAILED, "DeadlineExceeded")
    assert (model.requests, tools.called) == ([], [])


async def test_a_task_whose_key_was_destroyed_ends(tmp_path: Path) -> None:
    """Erased meanwhile: it fails with KeyDestroyed instead of hanging for ever."""
    task_id = await _interrupt(tmp_path)
    with open_database(tmp_path) as database:
        keyring = Keyring(KEK, "kek-1", ManualClock())
        (key_id,) = database.read_now(
            lambda c: c.execute("SELECT key_id FROM journal LIMIT 1").fetchone()
        )
        database.write_now(lambda c: keyring.destroy(c, key_id))
    async with open_core(tmp_path, build_blueprint(LOOKUP), ScriptedModel("main", answer)) as core:
        view = await _view_end(core, task_id)
    assert (view.outcome.status, view.outcome.reason) == (TaskStatus.FAILED, "KeyDestroyed")


async def test_a_task_whose_conversation_was_erased_ends(tmp_path: Path) -> None:
    """It has nowhere to reply to."""
    task_id = await _interrupt(tmp_path)
    with open_database(tmp_path) as database:
        database.write_now(lambda c: c.execute("DELETE FROM conversations"))
    async with open_core(tmp_path, build_blueprint(LOOKUP), ScriptedModel("main", answer)) as core:
        view = await _view_end(core, task_id)
    assert (view.outcome.status, view.outcome.reason) == (
        TaskStatus.FAILED,
        "ConversationNotFound",
    )


class FullAt:
    """A journal that has no room once, for the first step with a record of a type."""

    def __init__(self, inner: StepLog, type_: RecordType) -> None:
        self._inner = inner
        self._type: RecordType | None = type_

    async def append(self, step: Step) -> None:
        """Append a step, or fail as a full disk does."""
        if self._type in step.types:
            self._type = None
            raise StorageFull("the database is full")
        await self._inner.append(step)

    async def read(self, task_id: str) -> tuple[Entry, ...]:
        """Read the records of a task."""
        return await self._inner.read(task_id)


class BrokenReads:
    """A journal that nobody can read, because of a defect."""

    def __init__(self, inner: StepLog) -> None:
        self._inner = inner

    async def append(self, step: Step) -> None:
        """Append a step."""
        await self._inner.append(step)

    async def read(self, task_id: str) -> tuple[Entry, ...]:
        """Fail as nobody expects."""
        raise ZeroDivisionError(task_id)


async def test_a_defect_while_resuming_ends_the_task(tmp_path: Path) -> None:
    """The next start does not stumble over it again."""
    task_id = await _interrupt(tmp_path)
    model = ScriptedModel("main", answer)
    async with open_core(
        tmp_path, build_blueprint(LOOKUP), model, wrap_journal=BrokenReads
    ) as core:
        assert await core.driver.drain(10) == 0
    async with open_core(tmp_path, build_blueprint(LOOKUP), model) as core:
        assert core.driver.running == 0
        view = await _view_end(core, task_id)
    assert (view.outcome.status, view.outcome.reason) == (TaskStatus.FAILED, "InternalError")


async def test_a_request_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    """Neither task nor conversation exists, and the next request is served."""
    async with open_core(
        tmp_path,
        build_blueprint(LOOKUP),
        ScriptedModel("main", answer),
        wrap_journal=lambda inner: FullAt(inner, RecordType.TASK_ACCEPTED),
    ) as core:
        with pytest.raises(StorageFull):
            await core.driver.start(ask("Hello"))
        assert await core.read_all() == ()
        assert (await core.chat(ask("Hello"))).status is TaskStatus.REPLIED


@pytest.mark.parametrize("type_", [RecordType.MODEL_ANSWERED, RecordType.TOOL_ANSWERED])
async def test_a_task_that_finds_no_room_is_settled_later(
    tmp_path: Path, type_: RecordType
) -> None:
    """Its client hears of the full disk; with room again, it ends as failed."""
    async with open_core(
        tmp_path,
        build_blueprint(LOOKUP),
        ScriptedModel("main", answer),
        wrap_journal=lambda inner: FullAt(inner, type_),
    ) as core:
        live = await core.driver.start(ask("Hello"))
        with pytest.raises(StorageFull):
            await live.wait()
        view = await core.driver.view_task(ALICE, live.task_id)
        assert view is not None
        assert view.outcome.status is TaskStatus.RUNNING
        assert (await core.chat(ask("Again"))).status is TaskStatus.REPLIED
        view = await core.driver.view_task(ALICE, live.task_id)
        assert view is not None
        assert (view.outcome.status, view.outcome.reason) == (
            TaskStatus.FAILED,
            "StorageUnavailable",
        )


async def test_requests_that_come_together_settle_a_task_once(tmp_path: Path) -> None:
    """Both are served, and the task has one end."""
    async with open_core(
        tmp_path,
        build_blueprint(LOOKUP),
        ScriptedModel("main", answer),
        wrap_journal=lambda inner: FullAt(inner, RecordType.TOOL_ANSWERED),
    ) as core:
        live = await core.driver.start(ask("Hello"))
        with pytest.raises(StorageFull):
            await live.wait()
        outcomes = await asyncio.gather(*(core.chat(ask(f"Again {n}")) for n in range(5)))
        entries = await core.journal.read(live.task_id)
    assert {outcome.status for outcome in outcomes} == {TaskStatus.REPLIED}
    assert [entry.type for entry in entries][-1] is RecordType.FAILED
    assert sum(entry.type is RecordType.FAILED for entry in entries) == 1


async def test_a_reply_that_finds_no_room_is_kept_for_later(tmp_path: Path) -> None:
    """The turn has ended by itself, so its own end is written as soon as there is room."""
    async with open_core(
        tmp_path,
        build_blueprint(),
        ScriptedModel("main", lambda _: Saying(("Hi.",))),
        wrap_journal=lambda inner: FullAt(inner, RecordType.REPLIED),
    ) as core:
        live = await core.driver.start(ask("Hello"))
        with pytest.raises(StorageFull):
            await live.wait()
        await core.chat(ask("Again"))
        view = await core.driver.view_task(ALICE, live.task_id)
    assert view is not None
    assert (view.outcome.status, view.outcome.text) == (TaskStatus.REPLIED, "Hi.")
