"""Health: /livez says that the process runs, /readyz whether it takes work."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route


class Readiness:
    """Whether the runtime takes work; starts as `Starting`."""

    def __init__(self) -> None:
        self.reason: str | None = "Starting"
        """Why it does not, or None."""

    def open(self) -> None:
        """Take work from now on."""
        self.reason = None

    def close(self, reason: str) -> None:
        """Take no more work."""
        self.reason = reason


def build_health_routes(readiness: Readiness) -> list[BaseRoute]:
    """Return the routes of both probes."""

    async def show_life(_: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    async def show_readiness(_: Request) -> Response:
        reason = readiness.reason
        body = orjson.dumps({"status": "ready" if reason is None else reason})
        return Response(body, 200 if reason is None else 503, media_type="application/json")

    return [
        Route("/livez", show_life, methods=["GET"]),
        Route("/readyz", show_readiness, methods=["GET"]),
        Route("/healthz", show_readiness, methods=["GET"]),
    ]
