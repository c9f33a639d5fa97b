"""POST /v1/chat/completions: authenticate, bound, accept, and answer whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from steward_runtime.errors import StewardError
from steward_runtime.limits.queue import Ticket
from steward_runtime.server.admission import RateView
from steward_runtime.server.body import ClientGone, read_body
from steward_runtime.server.door import SPAN_KEY, TASK_KEY
from steward_runtime.server.errors import (
    build_error_response,
    build_failure,
    render_error,
)
from steward_runtime.server.parse import build_turn_request, check_model, parse_body
from steward_runtime.server.parts import PublicParts
from steward_runtime.server.ports import Followed
from steward_runtime.server.render import ChunkWriter, ReplyHead, render_completion
from steward_runtime.server.streaming import EventStream
from steward_runtime.server.wire import ChatBody
from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.telemetry.names import Attribute, SpanName
from steward_runtime.telemetry.spans import Span, SpanKind, SpanStart
from steward_runtime.telemetry.trace_context import HEADER, parse_traceparent
from steward_runtime.turn.messages import Caller
from steward_runtime.turn.state import TaskStatus

CONVERSATION_HEADER = b"steward-conversation"
RETRY_HEADER = b"x-stainless-retry-count"
"""The openai client counts its retries here and has no idempotency key."""
Headers = Iterable[tuple[bytes, bytes]]


class ChatEndpoint:
    """The ASGI application behind /v1/chat/completions."""

    def __init__(self, parts: PublicParts) -> None:
        self._parts = parts
        identity = parts.identity
        self._start = SpanStart(
            SpanName.INVOKE_AGENT,
            identity.assistant,
            SpanKind.SERVER,
            {
                Attribute.OPERATION: SpanName.INVOKE_AGENT.value,
                Attribute.AGENT_NAME: identity.assistant,
                Attribute.BLUEPRINT_DIGEST: identity.blueprint_digest,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        parts = self._parts
        key_id, caller = parts.resolve_caller(scope)
        rate = parts.rates.spend(key_id)
        with parts.bodies.reserve(scope, parts.request_bytes):
            await self._serve(scope, receive, send, caller, rate)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, rate: RateView
    ) -> None:
        parts = self._parts
        body = await read_body(scope, receive, parts.request_bytes)
        chat = parse_body(ChatBody, body)
        check_model(chat, parts.identity.assistant)
        request = build_turn_request(
            chat,
            body,
            caller,
            conversation_id=_find_header(scope["headers"], CONVERSATION_HEADER),
            is_retry=(_find_header(scope["headers"], RETRY_HEADER) or "0") != "0",
        )
        parent = parse_traceparent(_find_header(scope["headers"], HEADER.encode()))
        with parts.tracer.open_span(self._start, parent) as span:
            scope[SPAN_KEY] = span.context
            live, ticket = await self._accept(request, receive)
            scope[TASK_KEY] = live.task_id
            try:
                span.set_attribute(Attribute.TASK_ID, live.task_id)
                span.set_attribute(Attribute.CONVERSATION_ID, live.conversation_id)
                exchange = _Exchange(parts, live, span, _build_headers(live, rate, span))
                if chat.stream:
                    options = chat.stream_options
                    with_usage = options is not None and options.include_usage
                    await exchange.stream(send, with_usage=with_usage)
                else:
                    await exchange.answer(scope, receive, send)
            finally:
                if ticket is not None:
                    parts.admission.leave(ticket)

    async def _accept(
        self, request: TurnRequest, receive: Receive
    ) -> tuple[Followed, Ticket | None]:
        """Have the request accepted; a retry joins its first try and needs no place."""
        parts = self._parts
        if request.is_retry:
            first = await parts.turns.attach(request)
            if first is not None:
                return first, None
        parts.check_leave()
        ticket = await self._enter(request.caller.owner, receive)
        try:
            return await parts.turns.start(request), ticket
        except BaseException:
            parts.admission.leave(ticket)
            raise

    async def _enter(self, share: str, receive: Receive) -> Ticket:
        """Get a place; a client that leaves while it waits leaves the queue."""
        admission, seconds = self._parts.admission, self._parts.queue_seconds
        if admission.has_place:
            return await admission.enter(share, seconds)
        entering = asyncio.create_task(admission.enter(share, seconds))
        leaving = asyncio.create_task(_wait_for_leave(receive))
        try:
            await asyncio.wait({entering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                raise ClientGone
            return entering.result()
        finally:
            leaving.cancel()
            if not entering.done():
                entering.cancel()


class _Exchange:
    """One accepted request and its answer."""

    def __init__(
        self, parts: PublicParts, live: Followed, span: Span, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self._parts = parts
        self._live = live
        self._span = span
        self._headers = headers
        self._head = ReplyHead(live.task_id, live.accepted_at_ms // 1_000, parts.identity.assistant)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the outcome and send it whole."""
        try:
            outcome = await self._live.wait()
            if outcome.status is not TaskStatus.REPLIED:
                raise build_failure(outcome)
            body = render_completion(self._head, outcome)
            response = Response(body, media_type="application/json")
        except StewardError as error:
            self._note(error)
            response = build_error_response(error)
        response.raw_headers.extend(self._headers)
        await response(scope, receive, send)

    async def stream(self, send: Send, *, with_usage: bool) -> None:
        """Send the reply while it comes; a failure is the last event."""
        writer = ChunkWriter(self._head)
        stream = EventStream(send, self._parts.monotonic_seconds)
        await stream.begin(self._headers)
        async with stream.beating(self._parts.heartbeat_seconds):
            try:
                await stream.write(writer.render_opening())
                async for text in self._live.follow():
                    await stream.write(writer.render_text(text))
                outcome = await self._live.wait()
                if outcome.status is not TaskStatus.REPLIED:
                    raise build_failure(outcome)
                last = writer.render_end(outcome, with_usage=with_usage)
            except StewardError as error:
                self._note(error)
                last = writer.render_error(render_error(error))
        await stream.end(last)

    def _note(self, error: StewardError) -> None:
        self._span.record_failure(error.reason)
        self._parts.meter.record_refusal(error.reason)


def _build_headers(live: Followed, rate: RateView, span: Span) -> list[tuple[bytes, bytes]]:
    return [
        (b"steward-task", live.task_id.encode()),
        (b"steward-conversation", live.conversation_id.encode()),
        (b"x-request-id", span.context.trace_id.encode()),
        (b"x-ratelimit-limit-requests", b"%d" % rate.limit),
        (b"x-ratelimit-remaining-requests", b"%d" % rate.remaining),
    ]


def _find_header(headers: Headers, wanted: bytes) -> str | None:
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return None


async def _wait_for_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
