"""The driver on a real database: acceptance, outcomes, owners, retries, limits and failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from steward_api.blueprint import BlueprintTool
from steward_api.v1alpha1.tool import Effect
from steward_core import (
    ALICE,
    BOB,
    NOBODY,
    ScriptedTools,
    ask,
    build_blueprint,
    build_tool,
    open_core,
)
from steward_runtime.errors import (
    ConversationBusy,
    ModelUnavailable,
    NotFound,
    RequestRefused,
    ShuttingDown,
)
from steward_runtime.journal.records import RecordType
from steward_runtime.models.fake import Calling, Failing, Line, Saying, ScriptedModel
from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.turn.messages import (
    ChatRequest,
    ClientMessage,
    Role,
    ToolCall,
    ToolOffer,
    ToolOutcome,
    ToolOutcomeKind,
    ToolRequest,
)
from steward_runtime.turn.state import TaskStatus

TICKET = '{"ticket":"T-1"}'


def call_once(*tools: str, arguments: str = TICKET) -> ScriptedModel:
    """Return a model that calls tools once, then speaks."""
    calls = tuple(ToolCall(f"c{n}", tool, arguments) for n, tool in enumerate(tools))

    def answer(request: ChatRequest) -> Line:
        if request.messages[-1].role is Role.TOOL:
            return Saying(("It is ", "open."))
        return Calling(calls)

    return ScriptedModel("main", answer)


async def test_a_turn_with_a_tool_is_answered(tmp_path: Path) -> None:
    """The model's second answer is the reply; the tool got arguments and a key."""
    tools = ScriptedTools()
    blueprint = build_blueprint(build_tool("lookup"))
    async with open_core(tmp_path, blueprint, call_once("lookup"), tools=tools) as core:
        outcome = await core.chat(ask("What of T-1?"))
    assert (outcome.status, outcome.text) == (TaskStatus.REPLIED, "It is open.")
    (request,) = tools.called
    assert (request.tool, request.arguments, request.attempt) == ("lookup", TICKET, 1)
    assert len(request.key) == 32


async def test_what_is_accepted_is_durable_before_work_starts(tmp_path: Path) -> None:
    """When `start` returns, task, conversation and message are on disk."""
    gate = asyncio.Event()

    async def wait(_: ToolRequest) -> ToolOutcome:
        await gate.wait()
        return ToolOutcome(ToolOutcomeKind.ANSWERED, "late")

    blueprint = build_blueprint(build_tool("lookup"))
    model = call_once("lookup")
    async with open_core(tmp_path, blueprint, model, tools=ScriptedTools(wait)) as core:
        live = await core.driver.start(ask("Hello"))
        view = await core.driver.view_task(ALICE, live.task_id)
        assert view is not None
        assert view.outcome.status is TaskStatus.RUNNING
        seen = await core.driver.view_conversation(ALICE, live.conversation_id)
        assert seen is not None
        assert [entry.message.text for entry in seen.messages] == ["Hello"]
        gate.set()
        await live.wait()


async def test_the_text_can_be_followed_while_it_comes(tmp_path: Path) -> None:
    """A late follower gets everything from the beginning."""
    async with open_core(tmp_path, build_blueprint(), _say("one ", "two ", "three")) as core:
        live = await core.driver.start(ask("Count"))
        assert [piece async for piece in live.follow()] == ["one ", "two ", "three"]
        assert [piece async for piece in live.follow()] == ["one ", "two ", "three"]


def _say(*pieces: str) -> ScriptedModel:
    return ScriptedModel("main", lambda _: Saying(pieces))


async def test_a_task_goes_on_without_its_client(tmp_path: Path) -> None:
    """Whoever stops following does not stop the task."""
    async with open_core(tmp_path, build_blueprint(), _say("one ", "two")) as core:
        live = await core.driver.start(ask("Count"))
        pieces = live.follow()
        await anext(pieces)
        await pieces.aclose()
        assert (await live.wait()).text == "one two"


async def test_a_conversation_goes_on_where_it_ended(tmp_path: Path) -> None:
    """The second turn puts the first before the model."""
    model = _say("Hello Alice.")
    async with open_core(tmp_path, build_blueprint(), model) as core:
        live = await core.driver.start(ask("I am Alice"))
        await live.wait()
        await core.chat(ask("Who am I?", conversation_id=live.conversation_id))
        seen = await core.driver.view_conversation(ALICE, live.conversation_id)
    texts = [message.text for message in model.requests[1].messages]
    assert texts[1:] == ["I am Alice", "Hello Alice.", "Who am I?"]
    assert seen is not None
    assert [entry.seq for entry in seen.messages] == [1, 2, 3, 4]


async def test_foreign_and_absent_are_the_same(tmp_path: Path) -> None:
    """Bob, and nobody, see of Alice's task and conversation what they see of none."""
    async with open_core(tmp_path, build_blueprint(), _say("Hi.")) as core:
        live = await core.driver.start(ask("Hello"))
        await live.wait()
        for caller in (BOB, NOBODY):
            assert await core.driver.view_task(caller, live.task_id) is None
            assert await core.driver.view_conversation(caller, live.conversation_id) is None
            errors = []
            for conversation_id in (live.conversation_id, "conv_absent"):
                with pytest.raises(NotFound) as caught:
                    await core.driver.start(ask("Hi", caller, conversation_id=conversation_id))
                errors.append((caught.value.message, caught.value.reason, caught.value.param))
            assert errors[0] == errors[1]


async def test_one_turn_of_a_conversation_at_a_time(tmp_path: Path) -> None:
    """A second one is told to wait, and nothing of it is kept."""
    gate = asyncio.Event()

    async def wait(_: ToolRequest) -> ToolOutcome:
        await gate.wait()
        return ToolOutcome(ToolOutcomeKind.ANSWERED, "late")

    blueprint = build_blueprint(build_tool("lookup"))
    model = call_once("lookup")
    async with open_core(tmp_path, blueprint, model, tools=ScriptedTools(wait)) as core:
        live = await core.driver.start(ask("first"))
        with pytest.raises(ConversationBusy):
            await core.driver.start(ask("second", conversation_id=live.conversation_id))
        gate.set()
        await live.wait()
        seen = await core.driver.view_conversation(ALICE, live.conversation_id)
    assert seen is not None
    assert [entry.message.text for entry in seen.messages] == ["first", "It is open."]


async def test_a_retry_attaches_to_the_first_try(tmp_path: Path) -> None:
    """Same caller and body: the same task, while it runs and after it has ended."""
    model = _say("Hi.")
    async with open_core(tmp_path, build_blueprint(), model) as core:
        first = await core.driver.start(ask("Hello"))
        again = await core.driver.start(ask("Hello", is_retry=True))
        assert again.task_id == first.task_id
        await first.wait()
        later = await core.driver.start(ask("Hello", is_retry=True))
        assert (later.task_id, (await later.wait()).text) == (first.task_id, "Hi.")
        assert [piece async for piece in later.follow()] == ["Hi."]
    assert len(model.requests) == 1


@pytest.mark.parametrize("other", [ask("Hello", BOB), ask("Goodbye")])
async def test_a_retry_of_something_else_is_new(tmp_path: Path, other: TurnRequest) -> None:
    """Another caller or another body begins a task of its own."""
    async with open_core(tmp_path, build_blueprint(), _say("Hi.")) as core:
        first = await core.driver.start(ask("Hello"))
        second = await core.driver.start(replace(other, is_retry=True))
        assert second.task_id != first.task_id


async def test_the_same_request_twice_is_two_tasks(tmp_path: Path) -> None:
    """Without the client's word that it is a retry, it is a new request."""
    async with open_core(tmp_path, build_blueprint(), _say("Hi.")) as core:
        first = await core.driver.start(ask("Hello"))
        second = await core.driver.start(ask("Hello"))
        assert first.task_id != second.task_id


async def test_refuses_a_client_tool_with_a_taken_name(tmp_path: Path) -> None:
    """A client cannot put itself in the place of the assistant's tool."""
    offer = ToolOffer("lookup", "Mine.", "{}")
    async with open_core(tmp_path, build_blueprint(build_tool("lookup")), _say("Hi.")) as core:
        for tools in ((offer,), (replace(offer, name="a"),) * 2):
            with pytest.raises(RequestRefused) as caught:
                await core.driver.start(ask("Hello", client_tools=tools))
            assert (caught.value.reason, caught.value.param) == ("ToolNameTaken", "tools")


async def test_a_client_tool_comes_back_to_the_client(tmp_path: Path) -> None:
    """The turn ends with its call; the next request brings the result."""
    offer = ToolOffer("show", "Shows.", "{}")
    blueprint = build_blueprint()
    async with open_core(tmp_path, blueprint, call_once("show", arguments="{}")) as core:
        live = await core.driver.start(ask("Show me", client_tools=(offer,)))
        outcome = await live.wait()
        assert (outcome.finish_reason, outcome.tool_calls[0].tool) == ("tool_calls", "show")
        result = ClientMessage("tool", "shown", call_id=outcome.tool_calls[0].call_id)
        final = await core.chat(ask("", conversation_id=live.conversation_id, messages=(result,)))
    assert final.text == "It is open."


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        (build_tool("wipe", Effect.DESTRUCTIVE), TICKET, "ReviewRequired"),
        (build_tool("wipe", declared=False), TICKET, "ReviewRequired"),
        (build_tool("wipe"), '{"ticket":"drop table"}', "ArgumentsRefused"),
        (build_tool("wipe"), "[]", "ArgumentsRefused"),
        (build_tool("wipe"), "{", "ArgumentsRefused"),
        (build_tool("other"), TICKET, "ToolUnknown"),
    ],
    ids=["destructive", "no-contract", "schema", "not-an-object", "not-json", "unknown"],
)
async def test_a_call_against_its_contract_is_never_made(
    tmp_path: Path, tool: BlueprintTool, arguments: str, reason: str
) -> None:
    """The refusal is journaled, told to the model, and the turn goes on."""
    tools = ScriptedTools()
    blueprint = build_blueprint(tool)
    model = call_once("wipe", arguments=arguments)
    async with open_core(tmp_path, blueprint, model, tools=tools) as core:
        outcome = await core.chat(ask("Wipe it"))
        entries = await core.read_all()
    assert tools.called == []
    assert outcome.text == "It is open."
    denials = [entry.event for entry in entries if entry.type is RecordType.DENIED]
    assert [getattr(event, "reason", None) for event in denials] == [reason]
    assert reason in model.requests[1].messages[-1].text


async def test_calls_of_one_tool_are_bounded(tmp_path: Path) -> None:
    """Of three calls under a contract of two, two are made."""
    tools = ScriptedTools()
    blueprint = build_blueprint(build_tool("lookup", calls_per_turn=2))
    model = call_once("lookup", "lookup", "lookup")
    async with open_core(tmp_path, blueprint, model, tools=tools) as core:
        await core.chat(ask("Thrice"))
    assert len(tools.called) == 2
    assert "CallsPerTurnExceeded" in model.requests[1].messages[-1].text


async def test_reads_of_one_answer_run_side_by_side(tmp_path: Path) -> None:
    """Each waits for the other: one after the other would never end."""
    arrived = asyncio.Barrier(2)

    async def meet(request: ToolRequest) -> ToolOutcome:
        await arrived.wait()
        return ToolOutcome(ToolOutcomeKind.ANSWERED, request.tool)

    blueprint = build_blueprint(build_tool("lookup"), build_tool("search"))
    model = call_once("lookup", "search")
    async with open_core(tmp_path, blueprint, model, tools=ScriptedTools(meet)) as core:
        await core.chat(ask("Both"))
    assert [message.text for message in model.requests[1].messages[-2:]] == ["lookup", "search"]


async def test_a_turn_ends_at_its_deadline(tmp_path: Path) -> None:
    """A write that hangs is in doubt, and the task fails with DeadlineExceeded."""

    async def hang(_: ToolRequest) -> ToolOutcome:
        return await asyncio.Future()

    tool = build_tool("close", Effect.WRITE)
    blueprint = build_blueprint(tool, turn_deadline_seconds=1)
    model = call_once("close")
    async with open_core(tmp_path, blueprint, model, tools=ScriptedTools(hang)) as core:
        outcome = await core.chat(ask("Close it"))
        ledger = await core.database.read(
            lambda c: c.execute("SELECT status FROM ledger").fetchall()
        )
    assert (outcome.status, outcome.reason) == (TaskStatus.FAILED, "DeadlineExceeded")
    assert ledger == [("Unknown",)]


async def test_a_running_task_can_be_cancelled(tmp_path: Path) -> None:
    """It ends as Cancelled, and its effects are stopped."""
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(_: ToolRequest) -> ToolOutcome:
        started.set()
        try:
            return await asyncio.Future()
        finally:
            stopped.set()

    blueprint = build_blueprint(build_tool("lookup"))
    model = call_once("lookup")
    async with open_core(tmp_path, blueprint, model, tools=ScriptedTools(hang)) as core:
        live = await core.driver.start(ask("Hang"))
        await started.wait()
        assert core.driver.cancel(live.task_id)
        outcome = await live.wait()
        assert not core.driver.cancel(live.task_id)
    assert outcome.reason == "Cancelled"
    assert stopped.is_set()


async def test_a_model_that_fails_fails_the_turn(tmp_path: Path) -> None:
    """Its reason is the outcome's, and the conversation can go on."""
    lines = (Failing(ModelUnavailable("model main is away: try again")), Saying(("Hi.",)))
    async with open_core(tmp_path, build_blueprint(), ScriptedModel("main", lines)) as core:
        live = await core.driver.start(ask("Hello"))
        outcome = await live.wait()
        assert (outcome.status, outcome.reason) == (TaskStatus.FAILED, "ModelUnavailable")
        again = await core.chat(ask("Hello?", conversation_id=live.conversation_id))
    assert again.text == "Hi."


async def test_a_defect_fails_its_own_task_only(tmp_path: Path) -> None:
    """An unexpected error in an adapter ends the task without its text."""

    def fail(request: ChatRequest) -> Line:
        if request.messages[-1].text == "crash":
            raise ZeroDivisionError("marker-77")
        return Saying(("Hi.",))

    async with open_core(tmp_path, build_blueprint(), ScriptedModel("main", fail)) as core:
        failed = await core.chat(ask("crash"))
        assert (failed.status, failed.reason) == (TaskStatus.FAILED, "InternalError")
        assert "marker-77" not in failed.message
        assert (await core.chat(ask("Hello"))).text == "Hi."


async def test_a_call_in_doubt_is_repeated_under_the_same_key(tmp_path: Path) -> None:
    """A tool that recognises our key is asked again at once; a plain write is not."""
    for name, header, expected in (("keyed", "Idempotency-Key", 2), ("plain", None, 1)):
        tools = ScriptedTools(
            lambda _: ToolOutcome(ToolOutcomeKind.UNKNOWN, reason="ToolTimeout", message="late")
        )
        blueprint = build_blueprint(build_tool("close", Effect.WRITE, key_header=header))
        model = call_once("close")
        async with open_core(tmp_path / name, blueprint, model, tools=tools) as core:
            await core.chat(ask("Close it"))
        assert len(tools.called) == expected
        assert len({request.key for request in tools.called}) == 1
        assert "ToolOutcomeUnknown" in model.requests[1].messages[-1].text


async def test_a_result_must_match_its_schema(tmp_path: Path) -> None:
    """The model never sees one that does not."""
    tool = build_tool("lookup").model_copy(
        update={"output_schema": {"type": "object", "required": ["state"]}}
    )
    model = call_once("lookup")
    async with open_core(tmp_path, build_blueprint(tool), model) as core:
        await core.chat(ask("What of T-1?"))
    told = model.requests[1].messages[-1].text
    assert "ResultRefused" in told
    assert "from" not in told


async def test_nothing_new_is_taken_while_draining(tmp_path: Path) -> None:
    """Running tasks end first; a new request is sent to the next runtime."""
    async with open_core(tmp_path, build_blueprint(), _say("Hi.")) as core:
        live = await core.driver.start(ask("Hello"))
        assert await core.driver.drain(10) == 0
        assert (await live.wait()).text == "Hi."
        with pytest.raises(ShuttingDown):
            await core.driver.start(ask("Hello"))


async def test_a_turn_with_a_tool_costs_four_commits(tmp_path: Path) -> None:
    """Accept, answer, result, reply: one fsync per step."""
    blueprint = build_blueprint(build_tool("lookup"))
    async with open_core(tmp_path, blueprint, call_once("lookup")) as core:
        before = core.database.commits
        await core.chat(ask("What of T-1?"))
        assert core.database.commits - before == 4
