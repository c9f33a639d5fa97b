"""What a caller may look at: models, tasks, conversations and its own memory.

Foreign and absent are answered alike, to the byte.
"""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from steward_runtime.errors import NotFound
from steward_runtime.server.body import read_body
from steward_runtime.server.errors import build_failure, render_error
from steward_runtime.server.parse import parse_memory
from steward_runtime.server.parts import PublicParts
from steward_runtime.server.render import (
    build_model,
    render_conversation,
    render_memories,
    render_memory,
    render_models,
    render_task,
)
from steward_runtime.turn.state import TaskStatus

JSON = "application/json"
IDEMPOTENCY_HEADER = "idempotency-key"


class Views:
    """Handlers of everything but chat."""

    def __init__(self, parts: PublicParts) -> None:
        self._parts = parts

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models."""
        self._parts.resolve_caller(request.scope)
        identity = self._parts.identity
        body = render_models(identity.assistant, identity.owner, identity.created)
        return Response(body, media_type=JSON)

    async def show_model(self, request: Request) -> Response:
        """GET /v1/models/{id}."""
        self._parts.resolve_caller(request.scope)
        identity = self._parts.identity
        if request.path_params["id"] != identity.assistant:
            raise NotFound(
                f"There is no such model. This endpoint serves {identity.assistant}.",
                reason="ModelNotFound",
            )
        model = build_model(identity.assistant, identity.owner, identity.created)
        return Response(orjson.dumps(model), media_type=JSON)

    async def show_document(self, request: Request) -> Response:
        """GET /openapi.json; its models are imported when somebody asks."""
        self._parts.resolve_caller(request.scope)
        from steward_runtime.server.openapi import build_document

        return Response(orjson.dumps(build_document()), media_type=JSON)

    async def show_task(self, request: Request) -> Response:
        """GET /v1/tasks/{id}: the outcome, also after a crash."""
        _, caller = self._parts.resolve_caller(request.scope)
        view = await self._parts.turns.view_task(caller, request.path_params["id"])
        if view is None:
            raise NotFound(
                "There is no such task. The header Steward-Task of a reply names it.",
                reason="TaskNotFound",
            )
        error = None
        if view.outcome.status is TaskStatus.FAILED:
            error = render_error(build_failure(view.outcome))
        body = render_task(view, self._parts.identity.assistant, error)
        return Response(body, media_type=JSON)

    async def show_conversation(self, request: Request) -> Response:
        """GET /v1/conversations/{id}."""
        _, caller = self._parts.resolve_caller(request.scope)
        view = await self._parts.turns.view_conversation(caller, request.path_params["id"])
        if view is None:
            raise NotFound(
                "There is no such conversation. The header Steward-Conversation of a reply names "
                "it.",
                reason="ConversationNotFound",
            )
        return Response(render_conversation(view), media_type=JSON)

    async def list_memories(self, request: Request) -> Response:
        """GET /v1/memories, optionally of one ?segment= or ?domain=."""
        _, caller = self._parts.resolve_caller(request.scope)
        query = request.query_params
        records = await self._parts.memories.list_records(
            caller, query.get("segment"), query.get("domain")
        )
        return Response(render_memories(records), media_type=JSON)

    async def add_memory(self, request: Request) -> Response:
        """POST /v1/memories; a repeated Idempotency-Key writes once."""
        key_id, caller = self._parts.resolve_caller(request.scope)
        self._parts.rates.spend(key_id)
        self._parts.check_leave()
        bytes_max = self._parts.request_bytes
        with self._parts.bodies.reserve(request.scope, bytes_max):
            body = parse_memory(await read_body(request.scope, request.receive, bytes_max))
            key = request.headers.get(IDEMPOTENCY_HEADER)
            record = await self._parts.memories.add(caller, body.segment, body.text, key)
        return Response(render_memory(record), 201, media_type=JSON)

    async def delete_memory(self, request: Request) -> Response:
        """DELETE /v1/memories/{id}."""
        _, caller = self._parts.resolve_caller(request.scope)
        record_id = request.path_params["id"]
        await self._parts.memories.delete(caller, record_id)
        answer = {"id": record_id, "object": "steward.memory", "deleted": True}
        return Response(orjson.dumps(answer), media_type=JSON)
