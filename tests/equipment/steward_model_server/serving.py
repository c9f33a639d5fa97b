"""The server: one answer of the script per request."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from aiohttp import web

from steward_loopback import LoopbackServer
from steward_model_server.script import Answer, Call, Cut, Garbage, Hang, Refuse, Say

BODY_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: Any


Script: TypeAlias = Iterable[Answer] | Callable[[Received], Answer]


class ModelServer(LoopbackServer):
    """Plays a script: a list, consumed one answer per request, or a function of the request."""

    def __init__(self, script: Script = (), port: int = 0) -> None:
        super().__init__(port)
        self._lock = threading.Lock()
        self._script: Callable[[Received], Answer] = self._consume
        self._answers: list[Answer] = []
        self.received: list[Received] = []
        self._numbers = itertools.count(1)
        self.play(script)

    @property
    def base_url(self) -> str:
        """Base URL up to and including the version."""
        return f"{self.url}/v1"

    def play(self, script: Script) -> None:
        """Replace what is left of the script."""
        with self._lock:
            if callable(script):
                self._script = script
            else:
                self._script = self._consume
                self._answers = list(script)

    def build_app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        return app

    def _consume(self, received: Received) -> Answer:
        if not self._answers:
            return Refuse(400, message="the script is over")
        return self._answers.pop(0)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        received = await self._note(request)
        with self._lock:
            answer = self._script(received)
        match answer:
            case Refuse():
                return _refuse(answer)
            case Garbage():
                kind = "text/event-stream" if received.body.get("stream") else "application/json"
                return web.Response(body=answer.content, content_type=kind)
            case _ if received.body.get("stream"):
                return await self._stream(request, received, answer)
            case Say() | Call():
                return web.json_response(body=orjson.dumps(self._build_whole(answer)))
            case _:
                return await _break_off(request, answer)

    async def _note(self, request: web.Request) -> Received:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, headers, orjson.loads(await request.read()))
        self.received.append(received)
        return received

    async def _embed(self, request: web.Request) -> web.Response:
        received = await self._note(request)
        texts = received.body["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": embed_text(text)}
            for index, text in enumerate(texts)
        ]
        return web.json_response(
            body=orjson.dumps({"object": "list", "data": data, "model": received.body["model"]})
        )

    def _build_whole(self, answer: Say | Call) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        reason = "tool_calls"
        if isinstance(answer, Call):
            message["tool_calls"] = _build_calls(answer, number)
        else:
            reason = answer.finish_reason
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1,
            "model": "scripted",
            "choices": [choice],
            "usage": _USAGE,
        }

    async def _stream(
        self, request: web.Request, received: Received, answer: Answer
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        number = next(self._numbers)
        if isinstance(answer, Call):
            await self._stream_calls(response, answer, number)
        elif isinstance(answer, Say):
            await self._stream_text(response, answer, number)
        elif isinstance(answer, Cut | Hang):
            if answer.text:
                await response.write(_chunk(number, {"content": answer.text}))
            return await _break_off(request, answer, response)
        wants_usage = (received.body.get("stream_options") or {}).get("include_usage")
        if wants_usage and not (isinstance(answer, Say) and not answer.with_usage):
            await response.write(_render_event({**_head(number), "choices": [], "usage": _USAGE}))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _stream_text(self, response: web.StreamResponse, say: Say, number: int) -> None:
        await response.write(_chunk(number, {"role": "assistant", "content": ""}))
        for piece in say.split():
            if say.pause_seconds:
                await asyncio.sleep(say.pause_seconds)
            await response.write(_chunk(number, {"content": piece}))
        await response.write(_chunk(number, {}, say.finish_reason))

    async def _stream_calls(self, response: web.StreamResponse, call: Call, number: int) -> None:
        if call.text:
            await response.write(_chunk(number, {"content": call.text}))
        for index, whole in enumerate(_build_calls(call, number)):
            arguments = whole["function"]["arguments"]
            half = len(arguments) // 2
            first = {**whole, "index": index}
            first["function"] = {**whole["function"], "arguments": arguments[:half]}
            rest = {"index": index, "function": {"arguments": arguments[half:]}}
            await response.write(_chunk(number, {"tool_calls": [first]}))
            await response.write(_chunk(number, {"tool_calls": [rest]}))
        await response.write(_chunk(number, {}, "tool_calls"))


_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def embed_text(text: str) -> list[float]:
    """Return a small, deterministic vector: counts of the letters a to h."""
    return [float(text.lower().count(letter)) for letter in "abcdefgh"]


def _build_calls(call: Call, number: int) -> list[dict[str, Any]]:
    built = []
    for index, (tool, arguments) in enumerate(call.calls):
        one: dict[str, Any] = {
            "type": "function",
            "function": {"name": tool, "arguments": orjson.dumps(arguments).decode()},
        }
        if call.with_ids:
            one["id"] = f"call_{number}_{index}"
        built.append(one)
    return built


def _head(number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
    }


def _chunk(number: int, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _render_event({**_head(number), "choices": [choice]})


def _render_event(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _refuse(answer: Refuse) -> web.Response:
    error = {"message": answer.message, "type": "scripted", "param": None, "code": None}
    return web.json_response(
        body=orjson.dumps({"error": error}), status=answer.status, headers=answer.headers
    )


async def _break_off(
    request: web.Request, answer: Answer, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    """Close the connection for Cut; wait for the client to leave for Hang."""
    if isinstance(answer, Hang):
        await asyncio.sleep(3_600)
    transport = request.transport
    if transport is not None:
        transport.abort()
    return response or web.Response()
