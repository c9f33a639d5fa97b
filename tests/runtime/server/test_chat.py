"""POST /v1/chat/completions over a real socket, with a scripted driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from steward_api.blueprint import Denial
from steward_doors import Doors, Setting, build_doors, reply
from steward_loopback import until
from steward_runtime.errors import ConversationBusy, ShuttingDown, StorageFull
from steward_runtime.turn.messages import Caller, ToolCall
from steward_runtime.turn.state import Outcome, TaskStatus

PATH = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}
MARKER = "marker-e5"


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """Serve with usual settings."""
    async with build_doors(tmp_path, Setting()) as built:
        yield built


def _events(text: str) -> list[Any]:
    lines = [line[6:] for line in text.split("\n\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else orjson.loads(line) for line in lines]


async def test_answers_as_one_completion(doors: Doors) -> None:
    """The body is OpenAI's, the headers name task, conversation, request and bucket."""
    response = await doors.client.post(PATH, json=BODY)
    body = response.json()
    assert (response.status_code, body["object"], body["model"]) == (
        200,
        "chat.completion",
        "helpdesk",
    )
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello there",
        "refusal": None,
    }
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    headers = response.headers
    assert (headers["steward-task"], headers["steward-conversation"]) == ("task_1", "conv_1")
    assert headers["x-request-id"] == "07" * 16
    assert headers["x-ratelimit-remaining-requests"] == "59999"


async def test_hands_subject_conversation_and_message_to_the_driver(doors: Doors) -> None:
    """The subject is a pseudonym by then; `user` in the body changes nothing."""
    headers = {"Steward-Subject": "alice", "Steward-Conversation": "conv_x"}
    await doors.client.post(PATH, json={**BODY, "user": "bob"}, headers=headers)
    (request,) = doors.turns.requests
    assert request.caller == Caller("key:generated", "subject:alice")
    assert (request.conversation_id, request.messages[0].text) == ("conv_x", "hi")


async def test_streams_role_text_end_and_usage(doors: Doors) -> None:
    """Chunks are OpenAI's; usage comes last, on request alone; [DONE] ends the stream."""
    options = {"stream_options": {"include_usage": True}}
    response = await doors.client.post(PATH, json={**STREAM, **options})
    events = _events(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["steward-task"] == "task_1"
    deltas = [event["choices"][0]["delta"] for event in events[:4]]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Hello "},
        {"content": "there"},
        {},
    ]
    assert events[3]["choices"][0]["finish_reason"] == "stop"
    assert (events[4]["choices"], events[4]["usage"]["total_tokens"]) == ([], 18)
    assert events[5:] == ["[DONE]"]
    plain = _events((await doors.client.post(PATH, json=STREAM)).text)
    assert all("usage" not in event for event in plain[:-1])


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_returns_calls_of_the_clients_tools(doors: Doors, body: dict[str, Any]) -> None:
    """The client gets id, name and arguments, and the reason `tool_calls`."""
    doors.turns.outcome, doors.turns.pieces = reply("", ToolCall("call_1", "t", '{"a":1}')), ()
    response = await doors.client.post(PATH, json=body)
    if body is STREAM:
        _, call, end, _ = _events(response.text)
        assert call["choices"][0]["delta"]["tool_calls"][0]["index"] == 0
        message, reason = call["choices"][0]["delta"], end["choices"][0]["finish_reason"]
    else:
        choice = response.json()["choices"][0]
        message, reason = choice["message"], choice["finish_reason"]
        assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "t", "arguments": '{"a":1}'}
    assert (message["tool_calls"][0]["id"], reason) == ("call_1", "tool_calls")


async def test_sends_headers_before_the_work_is_done(doors: Doors) -> None:
    """A stream names its task while the model still thinks; text follows as it comes."""
    doors.turns.outcome = None
    async with doors.client.stream("POST", PATH, json=STREAM) as response:
        assert response.headers["steward-task"] == "task_1"
        (live,) = doors.turns.live
        texts = response.aiter_text()
        assert "assistant" in await anext(texts)
        live.publish("first")
        assert "first" in await anext(texts)
        live.finish(reply("first"))
        assert "[DONE]" in "".join([text async for text in texts])


async def test_beats_while_a_stream_is_silent(tmp_path: Path) -> None:
    """A comment goes out after each silence, so that no proxy gives up."""
    async with build_doors(tmp_path, Setting(heartbeat_seconds=0.02)) as doors:
        doors.turns.outcome = None
        async with doors.client.stream("POST", PATH, json=STREAM) as response:
            texts = response.aiter_text()
            await anext(texts)
            assert [await anext(texts), await anext(texts)] == [": keep-alive\n\n"] * 2
            doors.turns.live[0].finish(reply())
            assert "[DONE]" in "".join([text async for text in texts])


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("ModelUnavailable", 503),
        ("ModelAnswerBroken", 502),
        ("DeadlineExceeded", 504),
        ("ContextExceeded", 400),
        ("InternalError", 500),
        ("CredentialUnbound", 502),
    ],
)
async def test_tells_why_a_task_failed(doors: Doors, reason: str, status: int) -> None:
    """Whole: an HTTP error with the task's headers. Stream: the last event, and no [DONE]."""
    doors.turns.outcome = Outcome(TaskStatus.FAILED, reason=reason, message="It went wrong.")
    doors.turns.pieces = ()
    whole = await doors.client.post(PATH, json=BODY)
    assert (whole.status_code, whole.headers["steward-task"]) == (status, "task_1")
    error = whole.json()["error"]
    assert (error["code"], error["message"], error["param"]) == (reason, "It went wrong.", None)
    assert ("retry-after" in whole.headers) is (status == 503)
    events = _events((await doors.client.post(PATH, json=STREAM)).text)
    assert events[-1] == {"error": error}


async def test_tells_when_the_outcome_will_be_known_after_a_restart(doors: Doors) -> None:
    """A drained task breaks off with its own error in both forms."""
    doors.turns.outcome = None
    for body in (BODY, STREAM):
        asking = asyncio.create_task(doors.client.post(PATH, json=body))
        live = await doors.turns.wait_for(1 if body is BODY else 2)
        live.break_off(ShuttingDown("The assistant stops.", retry_after_seconds=2))
        response = await asking
        assert "ShuttingDown" in response.text
        assert response.status_code == (503 if body is BODY else 200)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageFull("The disk is full."), 503),
        (ConversationBusy("Another turn runs.", retry_after_seconds=1), 409),
        (ShuttingDown("Stops."), 503),
    ],
)
async def test_refuses_what_the_driver_does_not_accept(
    doors: Doors, error: Any, status: int
) -> None:
    """Before acceptance a stream fails with an HTTP status as well."""
    doors.turns.error = error
    for body in (BODY, STREAM):
        response = await doors.client.post(PATH, json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (status, error.reason)
        assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("headers", "status", "code", "kind"),
    [
        ({"Authorization": ""}, 401, "Unauthorized", "authentication_error"),
        ({"Authorization": "Bearer wrong"}, 401, "Unauthorized", "authentication_error"),
        ({"Steward-Subject": "a b"}, 400, "SubjectInvalid", "invalid_request_error"),
    ],
)
async def test_refuses_a_caller_that_it_does_not_know(
    doors: Doors, headers: dict[str, str], status: int, code: str, kind: str
) -> None:
    """The error is OpenAI's, with its type; nothing reaches the driver."""
    response = await doors.client.post(PATH, json=BODY, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (status, code, kind)
    assert ("www-authenticate" in response.headers) is (status == 401)
    assert doors.turns.requests == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"\xff", 400, "BodyNotUtf8"),
        (b"{", 400, "BodyNotJson"),
        (orjson.dumps({**BODY, MARKER: 1}), 400, "FieldUnknown"),
        (orjson.dumps({**BODY, "model": MARKER}), 404, "ModelNotFound"),
        (b" " * 4_097, 413, "RequestTooLarge"),
    ],
)
async def test_refuses_a_body_that_it_cannot_serve(
    doors: Doors, content: bytes, status: int, code: str
) -> None:
    """Each fault has its status and code, and leaves the connection usable."""
    response = await doors.client.post(PATH, content=content)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert (await doors.client.post(PATH, json=BODY)).status_code == 200


async def test_lets_the_sender_of_a_huge_body_read_why(doors: Doors) -> None:
    """A chunked body without length is cut off as well, and the client gets 413, not a reset."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(14):
            yield b" " * 4_096

    response = await doors.client.post(PATH, content=chunks())
    assert (response.status_code, response.json()["error"]["code"]) == (413, "RequestTooLarge")


async def test_limits_the_requests_of_a_key(tmp_path: Path) -> None:
    """One more than allowed is 429 with Retry-After."""
    async with build_doors(tmp_path, Setting(requests_per_minute=1)) as doors:
        assert (await doors.client.post(PATH, json=BODY)).status_code == 200
        refused = await doors.client.post(PATH, json=BODY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert refused.json()["error"]["type"] == "rate_limit_error"


async def test_queues_what_does_not_fit_and_refuses_what_does_not_queue(tmp_path: Path) -> None:
    """One runs, one waits, one more is 503; the waiting one runs when the first has ended."""
    async with build_doors(tmp_path, Setting(concurrent=1, queued=1)) as doors:
        doors.turns.outcome = None
        first = asyncio.create_task(doors.client.post(PATH, json=BODY))
        live = await doors.turns.wait_for(1)
        second = asyncio.create_task(doors.client.post(PATH, json=BODY))
        third = asyncio.create_task(doors.client.post(PATH, json=BODY))
        done, _ = await asyncio.wait({second, third}, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "Overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert len(doors.turns.live) == 1
        live.finish(reply())
        (await doors.turns.wait_for(2)).finish(reply())
        assert {(await first).status_code} == {200}


async def test_takes_a_client_that_leaves_out_of_the_queue(tmp_path: Path) -> None:
    """Whoever hangs up while waiting gives the place in the queue to another."""
    async with build_doors(tmp_path, Setting(concurrent=1, queued=1)) as doors:
        doors.turns.outcome = None
        first = asyncio.create_task(doors.client.post(PATH, json=BODY))
        live = await doors.turns.wait_for(1)
        with pytest.raises(httpx.ReadTimeout):
            await doors.client.post(PATH, json=BODY, timeout=0.05)
        await until(lambda: b"waiting 0.0" in doors.metrics.render(), "an empty queue")
        live.finish(reply())
        assert (await first).status_code == 200
        assert len(doors.turns.live) == 1


async def test_keeps_the_place_of_a_task_whose_client_left(tmp_path: Path) -> None:
    """An accepted task goes on without its client, and holds its place until it ends."""
    async with build_doors(tmp_path, Setting(concurrent=1, queued=0)) as doors:
        doors.turns.outcome = None
        async with doors.client.stream("POST", PATH, json=STREAM) as response:
            await anext(response.aiter_text())
        (live,) = doors.turns.live
        assert (await doors.client.post(PATH, json=BODY)).status_code == 503
        live.publish("nobody reads this")
        live.finish(reply())
        await until(lambda: b"running 0.0" in doors.metrics.render(), "a free place")


async def test_attaches_a_retry_without_taking_a_place(tmp_path: Path) -> None:
    """The openai client's retry gets the first try's task, even when all places are taken."""
    async with build_doors(tmp_path, Setting(concurrent=1, queued=0)) as doors:
        doors.turns.outcome = None
        first = asyncio.create_task(doors.client.post(PATH, json=BODY))
        live = await doors.turns.wait_for(1)
        doors.turns.first = live
        headers = {"x-stainless-retry-count": "1"}
        second = asyncio.create_task(doors.client.post(PATH, json=BODY, headers=headers))
        await until(lambda: len(live._waiters) == 2, "the second client")
        live.finish(reply())
        answers = [await first, await second]
        assert {answer.headers["steward-task"] for answer in answers} == {"task_1"}
        assert len(doors.turns.requests) == 1


async def test_a_missing_policy_denies_new_work_and_shows_what_is_done(tmp_path: Path) -> None:
    """Chat and memory writes answer 503 PolicyMissing and reach no driver; reads go on."""
    denial = Denial(reason="RetentionPolicyMissing", message="RetentionPolicy short is gone")
    async with build_doors(tmp_path, Setting(denial=denial)) as doors:
        for body in (BODY, STREAM):
            response = await doors.client.post(PATH, json=body)
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (503, "PolicyMissing")
            assert "RetentionPolicy short is gone" in error["message"]
            assert int(response.headers["retry-after"]) > 1
        memory = {"segment": "notes", "text": "x"}
        subject = {"Steward-Subject": "alice"}
        response = await doors.client.post("/v1/memories", json=memory, headers=subject)
        assert response.json()["error"]["code"] == "PolicyMissing"
        assert doors.turns.requests == []
        assert (await doors.client.get("/v1/models")).status_code == 200
        assert (await doors.client.get("/readyz")).status_code == 200
        response = await doors.client.post(PATH, json=BODY, headers={"Authorization": "Bearer x"})
        assert response.status_code == 401


async def test_refuses_bodies_that_do_not_fit_together(tmp_path: Path) -> None:
    """Many large requests are 503 before they fill the memory; the room comes back."""
    large = {**BODY, "messages": [{"role": "user", "content": "x" * 3_000}]}
    async with build_doors(tmp_path, Setting(bodies_bytes=5_000)) as doors:
        doors.turns.outcome = None
        first = asyncio.create_task(doors.client.post(PATH, json=large))
        live = await doors.turns.wait_for(1)
        refused = await doors.client.post(PATH, json=large)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "Overloaded")
        small = asyncio.create_task(doors.client.post(PATH, json=BODY))
        (await doors.turns.wait_for(2)).finish(reply())
        live.finish(reply())
        assert {(await first).status_code, (await small).status_code} == {200}
        doors.turns.outcome = reply()
        assert (await doors.client.post(PATH, json=large)).status_code == 200
