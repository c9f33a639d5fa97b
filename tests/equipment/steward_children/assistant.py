"""A fake assistant with OpenAI's streamed chat, for tests of the client side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Script:
    """What the fake answers, and what it was asked."""

    pieces: tuple[str, ...] = ("Hel", "lo")
    status: int = 200
    error: dict[str, Any] | None = None
    broken_event: bool = False
    purged: set[str] = field(default_factory=set)
    """Conversations that are answered 404."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serve_assistant(script: Script) -> Iterator[str]:
    """Serve `script` on loopback; yields the base URL that ends in /v1."""
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def do_POST(self) -> None:
        """Answer one chat request as the script says."""
        length = int(self.headers["Content-Length"])
        self.script.requests.append(json.loads(self.rfile.read(length)))
        self.script.headers.append(dict(self.headers.items()))
        if self.headers.get("Steward-Conversation") in self.script.purged:
            problem = {"code": "ConversationNotFound", "message": "there is no such conversation"}
            self._answer("application/json", json.dumps({"error": problem}).encode(), 404)
            return
        if self.script.status != 200:
            self._answer("application/json", json.dumps({"error": self.script.error}).encode())
            return
        self._answer("text/event-stream", "".join(self._events()).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Keep quiet."""

    def _events(self) -> Iterator[str]:
        for piece in self.script.pieces:
            yield _event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        if self.script.broken_event:
            yield "data: {nonsense\n\n"
        if self.script.error:
            yield _event({"error": self.script.error})
        yield _event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        yield "data: [DONE]\n\n"

    def _answer(self, kind: str, body: bytes, status: int | None = None) -> None:
        self.send_response(status or self.script.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Steward-Conversation", "conversation-1")
        self.send_header("Steward-Task", f"task-{len(self.script.requests)}")
        self.end_headers()
        self.wfile.write(body)


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document)}\n\n"
