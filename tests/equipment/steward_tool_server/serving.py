"""The tool: `/<anything>` answers what the test set for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

from steward_loopback import LoopbackServer


@dataclass(frozen=True, slots=True)
class Called:
    """One call as it came in; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one path answers, and what goes wrong there.

    Attributes:
        body: bytes of the answer.
        content_type: its type.
        status: its status.
        headers: its further headers.
        hangs: never answers, after it has noted the call.
        cuts: breaks the connection, after it has noted the call.
    """

    body: bytes = b'{"ok": true}'
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    cuts: bool = False


class ToolServer(LoopbackServer):
    """Answers every path with its behaviour; a path without one answers `{"ok": true}`."""

    def __init__(self, behaviours: dict[str, Behaviour] | None = None, port: int = 0) -> None:
        super().__init__(port)
        self.behaviours = dict(behaviours or {})
        self.called: list[Called] = []
        self.effects: Counter[str] = Counter()
        """Idempotency key to times that the tool acted: a repeated key acts once."""
        self.key_header = "idempotency-key"

    def build_app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        call = Called(
            request.method, request.raw_path.split("?")[0], request.query_string, headers, body
        )
        self.called.append(call)
        key = headers.get(self.key_header)
        if key is not None and self.effects[key] == 0:
            self.effects[key] += 1
        behaviour = self.behaviours.get(request.path, Behaviour())
        if behaviour.hangs:
            await asyncio.sleep(3_600)
        if behaviour.cuts and request.transport is not None:
            request.transport.abort()
        return web.Response(
            body=behaviour.body,
            status=behaviour.status,
            headers={**behaviour.headers, "Content-Type": behaviour.content_type},
        )
