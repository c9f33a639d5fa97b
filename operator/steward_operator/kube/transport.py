"""How one request reaches the API server and what becomes of its answer."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast

from aiohttp import ClientError, ClientResponse, ClientTimeout

from steward_operator.errors import ApiError, LeaseLostError, UnavailableError
from steward_operator.kube.connection import Connection
from steward_operator.kube.faults import parse_fault
from steward_operator.kube.gate import Gate, guard_writes
from steward_operator.kube.throttle import Throttle
from steward_operator.objects import Manifest

FULL: Final = "application/json"
REQUEST_SECONDS: Final = 30.0
"""Half of the API server's own limit for a request: a hung connection frees its place soon."""
REQUEST_TIMEOUT: Final = ClientTimeout(total=REQUEST_SECONDS)


@dataclass(frozen=True, slots=True)
class Request:
    """What every request has."""

    attempt: str
    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Manifest | list[Manifest] | None = None
    accept: str = FULL
    content_type: str = FULL
    timeout: ClientTimeout = REQUEST_TIMEOUT


class Transport:
    """Sends requests over the untyped path of the official package, within the throttle."""

    def __init__(
        self,
        connection: Connection,
        throttle: Throttle,
        may_write: Gate = lambda: True,
    ) -> None:
        """Join connection and throttle.

        Args:
            connection: Server and credentials.
            throttle: Where every request but a stream waits for its turn.
            may_write: Asked before anything but a GET is sent, and again with its body.
        """
        self._connection = connection
        self._throttle = throttle
        self._may_write = may_write

    async def call(self, request: Request) -> Manifest:
        """Send one request when it is its turn, and return the parsed answer.

        Raises:
            ApiError: for every answer from 400 up, and for none.
        """
        async with self._throttle.turn():
            if request.method != "GET":
                if not self._may_write():
                    raise LeaseLostError(request.attempt, "this replica does not lead")
                guard_writes(self._may_write)
            async with self._send(request) as response:
                try:
                    return cast("Manifest", json.loads(await response.read()))
                except (ClientError, TimeoutError, ValueError) as error:
                    raise _cut(request.attempt, error) from error

    async def read_header(self, request: Request, name: str) -> str:
        """Send one reading request, and return a header of its answer, or an empty text.

        Raises:
            ApiError: for every answer from 400 up, and for none.
        """
        async with self._throttle.turn(), self._send(request) as response:
            return response.headers.get(name, "")

    async def stream(self, request: Request) -> AsyncGenerator[Manifest]:
        """Send one request at once, and yield the parsed lines of its answer as they come.

        Raises:
            ApiError: for every answer from 400 up, and where the stream is cut or silent.
        """
        async with self._send(request) as response:
            try:
                async for line in response.content:
                    if line.strip():
                        yield json.loads(line)
            except (ClientError, TimeoutError, ValueError) as error:
                raise _cut(request.attempt, error) from error

    @asynccontextmanager
    async def _send(self, request: Request) -> AsyncIterator[ClientResponse]:
        """Send one request, and release its connection when the answer has been read."""
        api = self._connection.api
        try:
            answer = await api.call_api(
                request.method,
                self._connection.build_url(request.path, request.parameters),
                await self._connection.build_headers(request.accept, request.content_type),
                request.body,
                _request_timeout=request.timeout,
            )
        except (ClientError, TimeoutError, OSError) as error:
            raise _cut(request.attempt, error) from error
        response: ClientResponse = answer.response
        try:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise await self._fault(request.attempt, response)
            yield response
        finally:
            response.release()

    async def _fault(self, attempt: str, response: ClientResponse) -> ApiError:
        try:
            body = await response.read()
        except (ClientError, TimeoutError):
            body = b""
        if response.status == HTTPStatus.UNAUTHORIZED:
            await self._connection.reload()
        fault = parse_fault(attempt, response.status, body, response.headers.get("Retry-After"))
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._throttle.close_for(fault.retry_after_seconds or 1.0)
        return fault


def _cut(attempt: str, error: BaseException) -> UnavailableError:
    detail = "no answer in time" if isinstance(error, TimeoutError) else "connection lost"
    return UnavailableError(attempt, f"{detail} ({type(error).__name__})")
