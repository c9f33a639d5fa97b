"""Chat models behind OpenAI's HTTP API, on aiohttp and orjson.

Why not the `openai` package: it costs 14 times the CPU of this loop per turn and more than a
second at start (measured; `bench/`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
from yarl import URL

from steward_runtime.errors import ModelAnswerBroken, ModelUnavailable, StewardError
from steward_runtime.models.closing import Closing
from steward_runtime.models.errors import ModelMisconfigured, ModelNotAsked, ModelRefused
from steward_runtime.models.openai_wire import (
    DONE,
    AnswerReader,
    AnswerUnusable,
    WireModel,
    render_body,
)
from steward_runtime.models.sse import EventTooLarge, SseParser
from steward_runtime.policy.decide import MODEL_TARGET
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import ChatDelta, ChatDone

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.turn.messages import ChatRequest

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of one streamed answer: 131,072 tokens (the most a Model may allow) at some 500 bytes per
chunk."""
RETRY_AFTER_SECONDS_MAX: Final = 3_600
OVERLOADED: Final = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Statuses after which another model, or the same one later, may answer. 529 is in use by some
providers for overload."""


@dataclass(frozen=True, slots=True)
class ChatPlumbing:
    """What the adapter gets from outside.

    Attributes:
        session: reaches the model's host and no other.
        base_url: URL up to and including the version, without a trailing slash.
        host_header: header `Host` where it differs from the URL's.
        credential_headers: authorization for one call. Raises CredentialUnbound and such.
        trace_headers: headers that join the call to the current trace.
    """

    session: aiohttp.ClientSession
    base_url: str
    host_header: str | None
    credential_headers: Callable[[], Mapping[str, str]]
    trace_headers: Callable[[], Mapping[str, str]]


class OpenAIChat:
    """One model behind one endpoint."""

    def __init__(
        self, model: WireModel, plumbing: ChatPlumbing, request_timeout_seconds: float
    ) -> None:
        """Take the model; the timeout bounds the wait for the first event and for each next one."""
        self._model = model
        self._plumbing = plumbing
        self._timeout_seconds = request_timeout_seconds
        self._url = URL(f"{plumbing.base_url}/chat/completions", encoded=True)

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask for one answer.

        Raises:
            ModelUnavailable: if the endpoint cannot be reached, is overloaded or too slow.
            ModelAnswerBroken: if its answer is cut off or not what the API promises.
            ModelRefused: if it refuses the request.
            ModelMisconfigured: if it does not know model, path or credential.
            ModelNotAsked: if credential or host are not bound to each other.
        """
        permit.check_covers(CommandKind.CALL_MODEL, MODEL_TARGET)
        reader = AnswerReader(request)
        async with Closing(self._stream(render_body(self._model, request))) as stream:
            while True:
                try:
                    events = await self._wait_for_next(stream)
                    if events is None:
                        done = reader.finish(self._model.name)
                        break
                    text = "".join([reader.read(event) for event in events])
                except AnswerUnusable as error:
                    raise ModelAnswerBroken(self._say(str(error))) from None
                if text:
                    yield ChatDelta(text)
        yield done

    async def _wait_for_next(self, stream: AsyncIterator[list[bytes]]) -> list[bytes] | None:
        """Return the next events, or None at the end; the reader's own time does not count."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await anext(stream, None)
        except TimeoutError:
            what = f"did not go on within {self._timeout_seconds:g} seconds"
            raise ModelUnavailable(self._say(what)) from None

    async def _stream(self, body: bytes) -> AsyncIterator[list[bytes]]:
        """Yield the events of one call as they come."""
        parser, size = SseParser(), 0
        try:
            async with await self._ask(body) as response:
                if response.content_type != "text/event-stream":
                    yield [await self._read_whole(response)]
                    return
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    if size > ANSWER_BYTES_MAX:
                        raise AnswerUnusable("answered without an end")
                    events = parser.feed(chunk)
                    if DONE in events:
                        yield events[: events.index(DONE)]
                        return
                    if events:
                        yield events
        except EventTooLarge:
            raise AnswerUnusable("sent an event without an end") from None
        except aiohttp.ClientConnectorError:
            raise ModelUnavailable(self._say("could not be reached")) from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise AnswerUnusable("broke the connection off") from None

    async def _ask(self, body: bytes) -> aiohttp.ClientResponse:
        """Send the request and judge the status of its answer."""
        try:
            response = await self._plumbing.session.post(
                self._url, data=body, headers=self._build_headers(), allow_redirects=False
            )
        except StewardError as error:
            raise ModelNotAsked(error) from None
        if response.status != 200:
            response.close()
            self._refuse(response)
        return response

    async def _read_whole(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the answer of a server that does not stream."""
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                raise AnswerUnusable("answered without an end")
        return bytes(content)

    def _build_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        headers.update(self._plumbing.trace_headers())
        headers.update(self._plumbing.credential_headers())
        if self._plumbing.host_header is not None:
            headers["Host"] = self._plumbing.host_header
        return headers

    def _refuse(self, response: aiohttp.ClientResponse) -> NoReturn:
        status = response.status
        if status in OVERLOADED:
            wait = parse_retry_after(response.headers.get("Retry-After"))
            raise ModelUnavailable(self._say(f"answered HTTP {status}"), retry_after_seconds=wait)
        if status in {401, 403}:
            advice = "check the Secret that the Model names"
            raise ModelMisconfigured(self._say(f"answered HTTP {status}: {advice}"))
        if status in {404, 405} or 300 <= status < 400:
            advice = "check baseUrl and modelName of the Model"
            raise ModelMisconfigured(self._say(f"answered HTTP {status}: {advice}"))
        advice = "check what is asked for, and contextTokens and maxOutputTokens of the Model"
        raise ModelRefused(self._say(f"answered HTTP {status}: {advice}"))

    def _say(self, what: str) -> str:
        return f"Model {self._model.name} at {self._url.host} {what}."


def parse_retry_after(header: str | None) -> int | None:
    """Read `Retry-After` in whole seconds; a date is not used by model APIs and counts as none."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(int(header), RETRY_AFTER_SECONDS_MAX)
