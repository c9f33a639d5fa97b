"""The administration API: status, purge runs, erasure and receipts, behind tokens of operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from steward_runtime.errors import NotFound
from steward_runtime.server.administration import ErasureOrder, Status
from steward_runtime.server.body import read_body
from steward_runtime.server.operator_tokens import AdminTokens, Scope
from steward_runtime.server.parse import parse_json
from steward_runtime.server.ports import Purges

PREFIX: Final = "/internal/v1"
ACCEPTED: Final = 202
NO_CONTENT: Final = 204
BODY_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class AdminEndpoints:
    """Handlers of the administration API."""

    tokens: AdminTokens
    status: Status
    purges: Purges
    erasure: ErasureOrder

    def build_routes(self) -> list[BaseRoute]:
        """Return the routes."""
        receipt = f"{PREFIX}/receipts/{{digest}}"
        return [
            Route(f"{PREFIX}/status", self._show_status, methods=["GET"]),
            Route(f"{PREFIX}/purges", self._start_purge, methods=["POST"]),
            Route(f"{PREFIX}/purges/{{id}}", self._show_purge, methods=["GET"]),
            Route(f"{PREFIX}/erasures", self._order_erasure, methods=["POST"]),
            Route(f"{PREFIX}/receipts", self._list_receipts, methods=["GET"]),
            Route(receipt, self._read_receipt, methods=["GET"]),
            Route(f"{receipt}/cosignature", self._acknowledge, methods=["PUT"]),
        ]

    async def _show_status(self, request: Request) -> Response:
        self._check(request, Scope.STATUS)
        return _respond(self.status.show())

    async def _start_purge(self, request: Request) -> Response:
        self._check(request, Scope.PURGES)
        return _respond(await self.purges.start_purge(), ACCEPTED)

    async def _show_purge(self, request: Request) -> Response:
        self._check(request, Scope.PURGES)
        run = await self.purges.show_purge(request.path_params["id"])
        if run is None:
            raise NotFound("There is no such purge run.", reason="PurgeNotFound")
        return _respond(run)

    async def _order_erasure(self, request: Request) -> Response:
        self._check(request, Scope.ERASURES)
        return _respond(await self.erasure.give(), ACCEPTED)

    async def _list_receipts(self, request: Request) -> Response:
        self._check(request, Scope.RECEIPTS)
        return _respond(await self.purges.list_receipts(request.query_params.get("after")))

    async def _read_receipt(self, request: Request) -> Response:
        self._check(request, Scope.RECEIPTS)
        envelope = await self.purges.read_receipt(request.path_params["digest"])
        if envelope is None:
            raise NotFound("There is no such receipt.", reason="ReceiptNotFound")
        return Response(envelope, media_type="application/json")

    async def _acknowledge(self, request: Request) -> Response:
        self._check(request, Scope.RECEIPTS)
        body = await read_body(request.scope, request.receive, BODY_BYTES_MAX)
        await self.purges.acknowledge_receipt(request.path_params["digest"], parse_json(body))
        return Response(status_code=NO_CONTENT)

    def _check(self, request: Request, scope: Scope) -> None:
        self.tokens.check(request.headers.get("authorization"), scope)


def _respond(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
