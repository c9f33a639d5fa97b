"""What every chat model keeps: the scripted double and the real adapter alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from steward_model_server import Answer, Call, Cut, ModelServer, Refuse, Say
from steward_permits import ask_permit_for_model, ask_permit_for_tool, say
from steward_runtime.errors import ModelAnswerBroken, ModelError, ModelUnavailable
from steward_runtime.models.fake import Calling, Failing, Line, Saying, ScriptedModel
from steward_runtime.models.openai_chat import ChatPlumbing, OpenAIChat
from steward_runtime.models.openai_wire import WireModel
from steward_runtime.tasks.ports import ChatModel
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.routes import Endpoint
from steward_runtime.turn.messages import (
    ChatDelta,
    ChatDone,
    ChatRequest,
    Role,
    ToolCall,
    ToolOffer,
)

REQUEST = ChatRequest(
    (say(Role.USER, "hello"),), (ToolOffer("lookup", "Looks up.", '{"type":"object"}'),)
)
Build = Callable[[Answer], Awaitable[ChatModel]]


def _translate(answer: Answer) -> Line:
    """Say to the double what the server is told."""
    match answer:
        case Say():
            return Saying(tuple(answer.split()), answer.finish_reason)
        case Call():
            calls = [
                ToolCall(f"call_{index}", tool, orjson.dumps(arguments).decode())
                for index, (tool, arguments) in enumerate(answer.calls)
            ]
            return Calling(tuple(calls), answer.text)
        case Cut(text):
            return Failing(ModelAnswerBroken("broke off"), text)
        case _:
            return Failing(ModelUnavailable("no"))


@asynccontextmanager
async def _open_real(server: ModelServer) -> AsyncIterator[ChatModel]:
    async with open_session([Endpoint("127.0.0.1", server.port)]) as session:
        plumbing = ChatPlumbing(session, server.base_url, None, dict, dict)
        yield OpenAIChat(WireModel("main", "gpt-x", 100), plumbing, 5)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Run the scripted server."""
    with ModelServer() as running:
        yield running


@pytest.fixture(params=["double", "real"])
async def build(request: pytest.FixtureRequest, server: ModelServer) -> AsyncIterator[Build]:
    """Make a model of either sort that gives one answer."""
    if request.param == "double":

        async def build_double(answer: Answer) -> ChatModel:
            return ScriptedModel("main", [_translate(answer)])

        yield build_double
        return
    async with _open_real(server) as model:

        async def build_real(answer: Answer) -> ChatModel:
            server.play([answer])
            return model

        yield build_real


async def _collect(model: ChatModel) -> tuple[list[str], ChatDone]:
    deltas: list[str] = []
    last: Any = None
    async for piece in model.complete(ask_permit_for_model(), REQUEST):
        assert not isinstance(last, ChatDone), "nothing may follow ChatDone"
        last = piece
        if isinstance(piece, ChatDelta):
            deltas.append(piece.text)
    assert isinstance(last, ChatDone)
    return deltas, last


async def test_gives_deltas_and_then_the_whole(build: Build) -> None:
    """The text of ChatDone is the concatenation of the deltas, and names the model."""
    deltas, done = await _collect(await build(Say("Hello, how are you?")))
    assert "".join(deltas) == done.text == "Hello, how are you?"
    assert (done.model, done.finish_reason, done.tool_calls) == ("main", "stop", ())
    assert done.usage.completion_tokens > 0


async def test_gives_tool_calls_with_ids_and_json_arguments(build: Build) -> None:
    """Two calls in one answer keep their order and have different ids."""
    answer = Call((("lookup", {"q": "ü"}), ("lookup", {})), text="Let me see.")
    deltas, done = await _collect(await build(answer))
    assert ("".join(deltas), done.text) == ("Let me see.", "Let me see.")
    assert done.finish_reason == "tool_calls"
    assert [orjson.loads(call.arguments) for call in done.tool_calls] == [{"q": "ü"}, {}]
    assert len({call.call_id for call in done.tool_calls}) == 2


async def test_says_why_an_answer_ended(build: Build) -> None:
    """A reply that ran out of tokens says `length`."""
    _, done = await _collect(await build(Say("to be continued", finish_reason="length")))
    assert done.finish_reason == "length"


async def test_raises_when_an_answer_is_cut(build: Build) -> None:
    """What came before the cut was given out; then there is an error and no ChatDone."""
    model, seen = await build(Cut("half")), list[object]()

    async def read() -> None:
        async for piece in model.complete(ask_permit_for_model(), REQUEST):
            seen.append(piece)

    with pytest.raises(ModelAnswerBroken):
        await read()
    assert seen == [ChatDelta("half")]


async def test_raises_when_the_model_is_overloaded(build: Build) -> None:
    """Nothing is given out, and the error says that another attempt may succeed."""
    model = await build(Refuse(503))
    with pytest.raises(ModelError) as refusal:
        await _collect(model)
    assert refusal.value.retryable


async def test_refuses_a_permit_for_something_else(build: Build) -> None:
    """Leave for a tool is no leave for a model."""
    model = await build(Say("no"))
    with pytest.raises(PermissionError):
        await anext(model.complete(ask_permit_for_tool("lookup"), REQUEST))


async def test_can_be_closed_in_the_middle(build: Build) -> None:
    """Whoever stops reading closes the call, and the next one works."""
    model = await build(Say("a b c d e f", pieces=6, pause_seconds=0.01))
    answer = model.complete(ask_permit_for_model(), REQUEST)
    assert isinstance(await anext(answer), ChatDelta)
    await answer.aclose()  # type: ignore[attr-defined] # both are generators
