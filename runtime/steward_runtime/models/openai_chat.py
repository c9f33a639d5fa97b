"""Chat models behind OpenAI's HTTP API, on aiohttp and orjson.

Why not the `openai` package: it costs 14 times the CPU of this loop per turn and more than a
second at start (measured; `bench/`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
from yarl import URL

from steward_runtime.errors import ModelAnswerBroken, ModelError, ModelUnavailable, StewardError
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
EVENT_STREAM: Final = "text/event-stream"
END_SECONDS_MAX: Final = 0.1
"""Patience for the end of a body after its last event; a server that keeps it open costs a new
connection and nothing else."""
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


class AnswerIntake:
    """Turns the bytes of one body into text: of a stream as it comes, else at the end."""

    def __init__(self, reader: AnswerReader, *, is_stream: bool) -> None:
        self._reader = reader
        self._parser = SseParser() if is_stream else None
        self._whole = bytearray()
        self._size = 0
        self.is_done = False
        """The stream has said that nothing more comes."""

    def feed(self, chunk: bytes) -> str:
        """Take a chunk; events that come together are one piece of text.

        Raises:
            AnswerUnusable: if the answer is not what the API promises, or has no end.
        """
        self._size += len(chunk)
        if self._size > ANSWER_BYTES_MAX:
            raise AnswerUnusable("answered without an end")
        if self._parser is None:
            self._whole += chunk
            return ""
        try:
            events = self._parser.feed(chunk)
        except EventTooLarge:
            raise AnswerUnusable("sent an event without an end") from None
        if DONE in events:
            self.is_done = True
            del events[events.index(DONE) :]
        return "".join([self._reader.read(event) for event in events])

    def finish(self) -> str:
        """Return the text of an answer that did not stream.

        Raises:
            AnswerUnusable: if the answer is not what the API promises.
        """
        return "" if self._parser is not None else self._reader.read(bytes(self._whole))


class OpenAIChat:
    """One model behind one endpoint."""

    def __init__(
        self, model: WireModel, plumbing: ChatPlumbing, request_timeout_seconds: float
    ) -> None:
        """Take the model; the timeout bounds each wait for bytes, the first one and the next."""
        self._model = model
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=request_timeout_seconds, sock_read=request_timeout_seconds
        )
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
        try:
            async with await self._ask(render_body(self._model, request)) as response:
                intake = AnswerIntake(reader, is_stream=response.content_type == EVENT_STREAM)
                async for chunk in response.content.iter_any():
                    text = intake.feed(chunk)
                    if text:
                        yield ChatDelta(text)
                    if intake.is_done:
                        await _wait_for_end(response)
                        break
                text = intake.finish()
                if text:
                    yield ChatDelta(text)
            done = reader.finish(self._model.name)
        except AnswerUnusable as error:
            raise ModelAnswerBroken(self._say(str(error))) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._translate(error) from None
        yield done

    async def _ask(self, body: bytes) -> aiohttp.ClientResponse:
        """Send the request and judge the status of its answer."""
        try:
            response = await self._plumbing.session.post(
                self._url,
                data=body,
                headers=self._build_headers(),
                allow_redirects=False,
                timeout=self._timeout,
            )
        except StewardError as error:
            raise ModelNotAsked(error) from None
        if response.status != 200:
            response.close()
            self._refuse(response)
        return response

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

    def _translate(self, error: Exception) -> ModelError:
        """Return what a failed connection means."""
        if isinstance(error, TimeoutError):
            what = f"did not go on within {self._timeout_seconds:g} seconds"
            return ModelUnavailable(self._say(what))
        if isinstance(error, aiohttp.ClientConnectorError):
            return ModelUnavailable(self._say("could not be reached"))
        return ModelAnswerBroken(self._say("broke the connection off"))

    def _say(self, what: str) -> str:
        return f"Model {self._model.name} at {self._url.host} {what}."


async def _wait_for_end(response: aiohttp.ClientResponse) -> None:
    """Read what ends the body, which most servers send at once: then the connection is reused."""
    if not response.content.at_eof():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS_MAX):
                await response.content.readany()


def parse_retry_after(header: str | None) -> int | None:
    """Read `Retry-After` in whole seconds; a date is not used by model APIs and counts as none."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(int(header), RETRY_AFTER_SECONDS_MAX)
