"""The administration API: status, purge runs and receipts, behind tokens of operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from steward_runtime.errors import NotFound
from steward_runtime.server.operator_tokens import AdminTokens, Scope
from steward_runtime.server.ports import Administration

PREFIX = "/internal/v1"
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class AdminEndpoints:
    """Handlers of the administration API."""

    tokens: AdminTokens
    administration: Administration

    def build_routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(f"{PREFIX}/status", self._show_status, methods=["GET"]),
            Route(f"{PREFIX}/purges", self._start_purge, methods=["POST"]),
            Route(f"{PREFIX}/purges/{{id}}", self._show_purge, methods=["GET"]),
            Route(f"{PREFIX}/receipts", self._list_receipts, methods=["GET"]),
            Route(f"{PREFIX}/receipts/{{digest}}", self._read_receipt, methods=["GET"]),
        ]

    async def _show_status(self, request: Request) -> Response:
        self._check(request, Scope.STATUS)
        return _respond(await self.administration.show_status())

    async def _start_purge(self, request: Request) -> Response:
        self._check(request, Scope.PURGES)
        return _respond(await self.administration.start_purge(), ACCEPTED)

    async def _show_purge(self, request: Request) -> Response:
        self._check(request, Scope.PURGES)
        run = await self.administration.show_purge(request.path_params["id"])
        if run is None:
            raise NotFound("There is no such purge run.", reason="PurgeNotFound")
        return _respond(run)

    async def _list_receipts(self, request: Request) -> Response:
        self._check(request, Scope.RECEIPTS)
        after = request.query_params.get("after")
        return _respond(await self.administration.list_receipts(after))

    async def _read_receipt(self, request: Request) -> Response:
        self._check(request, Scope.RECEIPTS)
        envelope = await self.administration.read_receipt(request.path_params["digest"])
        if envelope is None:
            raise NotFound("There is no such receipt.", reason="ReceiptNotFound")
        return Response(envelope, media_type="application/json")

    def _check(self, request: Request, scope: Scope) -> None:
        self.tokens.check(request.headers.get("authorization"), scope)


def _respond(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
