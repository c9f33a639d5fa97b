"""SIGKILL at every journal record type of a turn, at three moments each, and a start afterwards."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_core import ALICE, Core, open_database
from steward_killpoints import SCENARIO_OF, KillPoint, Moment, Scenario, list_kill_points
from steward_killpoints.scenarios import EFFECT_OF
from steward_killpoints.stage import NOTES_FILE, open_stage
from steward_runtime.clock import SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.journal.journal import Entry, Journal
from steward_runtime.journal.records import RecordType
from steward_runtime.tasks.requests import TaskView
from steward_runtime.turn import events
from steward_runtime.turn.apply import build_call_key
from steward_runtime.turn.state import TaskStatus
from steward_tool_server import Behaviour, ToolServer

EQUIPMENT = Path(__file__).parents[2] / "equipment"
CHILD_SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    """Run the tool, which acts once per idempotency key."""
    with ToolServer({"/refused": Behaviour(status=409)}) as running:
        yield running


def test_every_record_type_has_a_scenario_and_an_effect() -> None:
    """A new record type without a kill point fails here."""
    assert set(SCENARIO_OF) == set(RecordType)
    assert set(EFFECT_OF) == set(RecordType)
    assert {point.type for point in list_kill_points()} == set(RecordType)


@pytest.mark.parametrize("point", list_kill_points(), ids=str)
async def test_a_killed_task_ends_well(
    point: KillPoint, tmp_path: Path, server: ToolServer
) -> None:
    """Finished steps never run again, the tool acted once, and the outcome can be fetched."""
    scenario = SCENARIO_OF[point.type]
    await _drive_and_die(tmp_path, server.port, scenario, point, "keyed-write")
    finished = _read_finished(tmp_path)
    before = _read_notes(tmp_path)
    async with open_stage(tmp_path, server.port, scenario) as core:
        view = await _wait_for_end(core)
        entries = () if view is None else await core.journal.read(view.task_id)
    again = _read_notes(tmp_path) - before
    assert again & finished == Counter()
    _check_outcome(point, scenario, view)
    _check_calls(server, entries)
    _check_once(entries)


async def test_a_write_without_key_is_not_repeated(tmp_path: Path, server: ToolServer) -> None:
    """Sent, and no result: the model is told that the outcome is unknown; the tool acted once."""
    point = KillPoint(RecordType.TOOL_SENT, Moment.AFTER_EFFECT)
    called = len(server.called)
    await _drive_and_die(tmp_path, server.port, Scenario.TOOL_ANSWERS, point, "plain-write")
    async with open_stage(
        tmp_path, server.port, Scenario.TOOL_ANSWERS, tool_kind="plain-write"
    ) as core:
        view = await _wait_for_end(core)
        assert view is not None
        entries = await core.journal.read(view.task_id)
        ledger = await core.database.read(
            lambda c: c.execute("SELECT status, attempts FROM ledger").fetchall()
        )
    assert len(server.called) - called == 1
    failed = [entry.event for entry in entries if isinstance(entry.event, events.ToolFailed)]
    assert [event.reason for event in failed] == ["ToolOutcomeUnknown"]
    assert ledger == [("Unknown", 1)]
    assert view.outcome.text == "It is open."


async def test_a_read_is_repeated(tmp_path: Path, server: ToolServer) -> None:
    """A call that changes nothing is made again, and its result reaches the model."""
    point = KillPoint(RecordType.TOOL_SENT, Moment.AFTER_EFFECT)
    called = len(server.called)
    await _drive_and_die(tmp_path, server.port, Scenario.TOOL_ANSWERS, point, "read")
    async with open_stage(tmp_path, server.port, Scenario.TOOL_ANSWERS, tool_kind="read") as core:
        view = await _wait_for_end(core)
        ledger = await core.database.read(
            lambda c: c.execute("SELECT status, attempts FROM ledger").fetchall()
        )
    assert len(server.called) - called == 2
    assert ledger == [("Answered", 2)]
    assert view is not None
    assert view.outcome.text == "It is open."


async def _drive_and_die(
    directory: Path, port: int, scenario: Scenario, point: KillPoint, tool_kind: str
) -> None:
    """Drive a task in a process of its own until it kills itself."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "steward_killpoints",
        *(str(directory), str(port), scenario.value, str(point), tool_kind),
        env={"PYTHONPATH": str(EQUIPMENT), "PATH": "/usr/bin:/bin"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(child.communicate(), CHILD_SECONDS)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    assert child.returncode == -signal.SIGKILL, errors.decode()


def _read_notes(directory: Path) -> Counter[str]:
    notes = directory / NOTES_FILE
    return Counter(notes.read_text().splitlines() if notes.exists() else ())


def _read_finished(directory: Path) -> Counter[str]:
    """Return the effects whose results were durable when the process died."""
    with open_database(directory) as database:
        keyring = Keyring(bytes(range(32)), "kek-1", SystemClock())
        journal = Journal(database, keyring)
        ids = database.read_now(lambda c: c.execute("SELECT task_id FROM tasks").fetchall())
        return Counter(
            _name_effect(task_id, entry.event)
            for (task_id,) in ids
            for entry in database.read_now(lambda c, t=task_id: journal.read_entries(c, t))  # type: ignore[misc] # bound per task
            if _name_effect(task_id, entry.event)
        )


def _name_effect(task_id: str, event: events.Event) -> str:
    """Name the effect of which an event is the result, as the watch notes it."""
    match event:
        case events.RecallFinished():
            return "Recall 1"
        case events.RememberFinished():
            return "Remember 1"
        case events.ModelReplied() | events.ModelFailed():
            return f"CallModel {event.number}"
        case events.ToolFinished() | events.ToolFailed():
            return f"CallTool {build_call_key(task_id, event.step)}"
        case _:
            return ""


async def _wait_for_end(core: Core) -> TaskView | None:
    """Return the only task once it has ended; None if none was accepted."""
    rows = await core.database.read(lambda c: c.execute("SELECT task_id FROM tasks").fetchall())
    if not rows:
        return None
    ((task_id,),) = rows
    assert await core.driver.drain(10) == 0
    return await core.driver.view_task(ALICE, task_id)


def _check_outcome(point: KillPoint, scenario: Scenario, view: TaskView | None) -> None:
    if point == KillPoint(RecordType.TASK_ACCEPTED, Moment.BEFORE_APPEND):
        assert view is None  # nothing was acknowledged, nothing is there
        return
    assert view is not None
    if scenario is Scenario.MODEL_FAILS:
        assert (view.outcome.status, view.outcome.reason) == (TaskStatus.FAILED, "ModelUnavailable")
    else:
        assert (view.outcome.status, view.outcome.text) == (TaskStatus.REPLIED, "It is open.")


def _check_calls(server: ToolServer, entries: tuple[Entry, ...]) -> None:
    keys = [entry.event.key for entry in entries if isinstance(entry.event, events.ToolIntended)]
    resolved = [e for e in entries if e.type in {RecordType.TOOL_ANSWERED, RecordType.TOOL_FAILED}]
    if resolved:
        assert {server.effects[key] for key in keys} == {1}


def _check_once(entries: tuple[Entry, ...]) -> None:
    """No result and no end is journaled twice, and sequence numbers have no gap."""
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    results = Counter(
        (entry.type, getattr(entry.event, "number", None), getattr(entry.event, "step", None))
        for entry in entries
        if entry.type
        not in {RecordType.MODEL_CALLED, RecordType.TOOL_INTENDED, RecordType.TOOL_SENT}
    )
    assert set(results.values()) <= {1}
