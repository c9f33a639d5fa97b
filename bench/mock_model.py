"""A scripted model endpoint for benches: asks for the tool once, then answers; streams if asked.

`python bench/mock_model.py PORT` in the peers' environment. It costs about 0.2 ms per call and
answers at once, so what a bench measures is the caller.
"""

from __future__ import annotations

import sys

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
HEAD = {"id": "chatcmpl-bench", "created": 1, "model": "bench-model"}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_ticket", "arguments": '{"ticket_id":"7"}'},
}


STREAMED_CHUNKS = 200
STREAM_QUESTION = "Write 200 words."


def build_long_stream() -> list[bytes]:
    """200 chunks of one word each, then the usage: what a streaming bench counts."""
    words: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
    ] * STREAMED_CHUNKS
    end: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": USAGE},
    ]
    return render_events([*words, *end])


def render_events(chunks: list[dict[str, object]]) -> list[bytes]:
    """Server-sent events, with the closing mark."""
    lines = [
        b"data: " + orjson.dumps({**HEAD, "object": "chat.completion.chunk", **chunk}) + b"\n\n"
        for chunk in chunks
    ]
    return [*lines, b"data: [DONE]\n\n"]


def build_message(body: dict[str, list[dict[str, str]]]) -> tuple[dict[str, object], str]:
    """The tool call first; the answer once a tool message is there."""
    if any(message["role"] == "tool" for message in body["messages"]):
        return {"role": "assistant", "content": "Ticket 7 is open."}, "stop"
    return {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"


async def complete(request: Request) -> Response:
    """POST /v1/chat/completions."""
    body = orjson.loads(await request.body())
    if body.get("stream") and body["messages"][-1]["content"] == STREAM_QUESTION:
        return StreamingResponse(iter(build_long_stream()), media_type="text/event-stream")
    message, reason = build_message(body)
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        document = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return Response(orjson.dumps(document), media_type="application/json")
    delta = dict(message)
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": 0, **CALL}]
    chunks: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {"choices": [], "usage": USAGE},
    ]
    return StreamingResponse(iter(render_events(chunks)), media_type="text/event-stream")


async def find_ticket(_: Request) -> Response:
    """POST /tickets/find: the tool of our own side, a real HTTP call."""
    return Response(b'{"id":"7","state":"open"}', media_type="application/json")


APP = Starlette(
    routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/tickets/find", find_ticket, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(APP, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
