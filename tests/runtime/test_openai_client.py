"""The `openai` client drives a real runtime unchanged: sync, async, streaming, tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from steward_model_server import Call, ModelServer, Refuse, Say
from steward_serving import (
    ServedRuntime,
    build_blueprint,
    build_memory,
    build_model,
    build_tool,
    serve,
)
from steward_tool_server import Behaviour, ToolServer

QUESTION: list[Any] = [{"role": "user", "content": "What is the state of T-1?"}]
CLIENT_TOOL: Any = {
    "type": "function",
    "function": {"name": "ask_user", "parameters": {"type": "object"}},
}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Run the scripted model."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    """Run the scripted tools."""
    with ToolServer({"/tickets/T-1": Behaviour(body=b'{"state":"open"}')}) as server:
        yield server


@pytest.fixture(scope="module")
def runtime(
    tmp_path_factory: pytest.TempPathFactory, model: ModelServer, tools: ToolServer
) -> Iterator[ServedRuntime]:
    """Serve an assistant with one tool and memory."""
    blueprint = build_blueprint(
        build_model(model.base_url),
        tools=(build_tool(f"{tools.url}/tickets/{{id}}"),),
        memory=build_memory(),
    )
    with serve(tmp_path_factory.mktemp("runtime"), blueprint) as served:
        yield served


@pytest.fixture
def client(runtime: ServedRuntime) -> Iterator[openai.OpenAI]:
    """Open a client with the generated key, without retries."""
    with openai.OpenAI(base_url=f"{runtime.url}/v1", api_key=runtime.key, max_retries=0) as opened:
        yield opened


def test_gets_a_reply_after_a_tool_of_the_assistant(
    client: openai.OpenAI, model: ModelServer, tools: ToolServer
) -> None:
    """The tool runs on the server; the client sees text and the usage of both model calls."""
    tools.called.clear()
    model.play([Call((("lookup", {"id": "T-1"}),)), Say("It is open.")])
    done = client.chat.completions.create(model="helpdesk", messages=QUESTION)
    assert done.choices[0].message.content == "It is open."
    assert done.choices[0].message.tool_calls is None
    assert done.usage is not None
    assert done.usage.total_tokens == 36
    assert [call.path for call in tools.called] == ["/tickets/T-1"]
    assert model.received[-1].body["messages"][-1]["content"] == '{"state":"open"}'


def test_streams_a_reply_with_usage(client: openai.OpenAI, model: ModelServer) -> None:
    """Text comes in pieces; the last chunk has the usage."""
    model.play([Say("One two three four", pieces=4, pause_seconds=0.02)])
    stream = client.chat.completions.create(
        model="helpdesk",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == "One two three four"
    assert len([text for text in texts if text]) >= 2
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 7


async def test_serves_the_async_client(runtime: ServedRuntime, model: ModelServer) -> None:
    """Whole and streamed, from one event loop."""
    model.play([Say("Hello"), Say("Hello again")])
    url = f"{runtime.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=runtime.key, max_retries=0) as client:
        done = await client.chat.completions.create(model="helpdesk", messages=QUESTION)
        assert done.choices[0].message.content == "Hello"
        stream = await client.chat.completions.create(
            model="helpdesk", messages=QUESTION, stream=True
        )
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(texts) == "Hello again"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_hands_calls_of_the_clients_own_tools_to_the_client(
    client: openai.OpenAI, model: ModelServer, is_streamed: bool
) -> None:
    """The client runs its tool and sends the result; the conversation goes on from there."""
    model.play([Call((("ask_user", {"text": "Which?"}),)), Say("Thank you.")])
    call = _request_call(client, is_streamed=is_streamed)
    assert json.loads(call["function"]["arguments"]) == {"text": "Which?"}
    messages: list[Any] = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "The red one."},
    ]
    done = client.chat.completions.create(model="helpdesk", messages=messages, tools=[CLIENT_TOOL])
    assert done.choices[0].message.content == "Thank you."
    assert model.received[-1].body["messages"][-1] == {
        "role": "tool",
        "tool_call_id": call["id"],
        "content": "The red one.",
    }


def _request_call(client: openai.OpenAI, *, is_streamed: bool) -> dict[str, Any]:
    """Return the one call of an answer, as a plain document."""
    if not is_streamed:
        done = client.chat.completions.create(
            model="helpdesk", messages=QUESTION, tools=[CLIENT_TOOL]
        )
        assert done.choices[0].finish_reason == "tool_calls"
        (call,) = done.choices[0].message.tool_calls or []
        return call.model_dump(exclude_none=True)
    with client.chat.completions.stream(
        model="helpdesk", messages=QUESTION, tools=[CLIENT_TOOL]
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    (parsed,) = final.choices[0].message.tool_calls or []
    return {
        "id": parsed.id,
        "type": "function",
        "function": {"name": parsed.function.name, "arguments": parsed.function.arguments},
    }


def test_goes_on_with_a_conversation_by_its_id(client: openai.OpenAI, model: ModelServer) -> None:
    """The header names the conversation; the model sees what was said before."""
    model.play([Say("Noted."), Say("You said blue.")])
    first = client.chat.completions.with_raw_response.create(
        model="helpdesk", messages=[{"role": "user", "content": "My colour is blue."}]
    )
    conversation = first.headers["steward-conversation"]
    client.chat.completions.create(
        model="helpdesk",
        messages=[{"role": "user", "content": "Which colour?"}],
        extra_headers={"Steward-Conversation": conversation},
    )
    said = [message["content"] for message in model.received[-1].body["messages"]]
    assert said[1:] == ["My colour is blue.", "Noted.", "Which colour?"]


def test_remembers_across_conversations_of_one_subject(
    client: openai.OpenAI, model: ModelServer
) -> None:
    """What a subject said comes back in another conversation; without a subject nothing does."""
    model.play([Say("Noted.")] * 3)
    fact = [{"role": "user", "content": "My bicycle is green and fast."}]
    ask = [{"role": "user", "content": "Which colour has my bicycle?"}]
    alice = {"Steward-Subject": "alice"}
    create: Any = client.chat.completions.create
    create(model="helpdesk", messages=fact, extra_headers=alice)
    create(model="helpdesk", messages=ask, extra_headers=alice)
    assert "green and fast" in json.dumps(model.received[-1].body["messages"][:-1])
    create(model="helpdesk", messages=ask)
    assert "green and fast" not in json.dumps(model.received[-1].body)


def test_lists_the_assistant_as_its_model(client: openai.OpenAI) -> None:
    """The model is the assistant, owned by its team."""
    (entry,) = client.models.list().data
    assert (entry.id, entry.owned_by) == ("helpdesk", "team-a")
    assert client.models.retrieve("helpdesk").id == "helpdesk"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_fetches_the_outcome_of_a_task(client: openai.OpenAI, model: ModelServer) -> None:
    """The header names the task, whose outcome holds the same completion."""
    model.play([Say("Forty-two.")])
    answer = client.chat.completions.with_raw_response.create(model="helpdesk", messages=QUESTION)
    task = client.get(f"/tasks/{answer.headers['steward-task']}", cast_to=dict[str, Any])
    assert (task["status"], task["error"]) == ("Replied", None)
    assert task["completion"]["choices"][0]["message"]["content"] == "Forty-two."


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"api_key": "wrong"}, openai.AuthenticationError),
        ({"model": "gpt-4o"}, openai.NotFoundError),
        ({"temperature": 9}, openai.BadRequestError),
        ({"subject": "a b"}, openai.BadRequestError),
    ],
)
def test_raises_the_errors_that_users_of_the_client_know(
    client: openai.OpenAI, change: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    """Status and type map to the client's exceptions, with our code in the body."""
    asking = client.with_options(api_key=change.get("api_key", client.api_key))
    headers = {"Steward-Subject": change.get("subject", "alice")}
    with pytest.raises(error) as refusal:
        asking.chat.completions.create(
            model=change.get("model", "helpdesk"),
            messages=QUESTION,
            temperature=change.get("temperature", 1),
            extra_headers=headers,
        )
    body: Any = refusal.value.body
    assert body["message"]
    assert body["code"][0].isupper()


def test_raises_when_the_model_fails_in_both_forms(
    client: openai.OpenAI, model: ModelServer
) -> None:
    """Whole it is a 503 that the client knows; a stream raises APIError with our message."""
    model.play(lambda _: Refuse(500))
    with pytest.raises(openai.InternalServerError) as refusal:
        client.chat.completions.create(model="helpdesk", messages=QUESTION)
    assert refusal.value.code == "ModelUnavailable"
    with pytest.raises(openai.APIError, match="Model main"):
        list(client.chat.completions.create(model="helpdesk", messages=QUESTION, stream=True))
    model.play([])


def test_joins_the_retry_of_the_client_to_its_first_try(
    runtime: ServedRuntime, model: ModelServer
) -> None:
    """A client that gives up and retries gets the task that it began; nothing runs twice."""
    model.play([Say("Slowly now.", pieces=2, pause_seconds=0.6)])
    asked = len(model.received)
    url = f"{runtime.url}/v1"
    with openai.OpenAI(base_url=url, api_key=runtime.key, max_retries=4, timeout=0.7) as hasty:
        done = hasty.chat.completions.create(
            model="helpdesk", messages=[{"role": "user", "content": "Take your time."}]
        )
    assert done.choices[0].message.content == "Slowly now."
    assert len(model.received) == asked + 1
