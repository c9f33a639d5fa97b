"""The HTTP tool: one request per call, under contract.

The adapter knows how to ask and how to read the answer. Which hosts may be reached is the
session's business (`connector`), how long a call may take is `deadline`'s, and whether arguments
and result match the Tool's schemas is judged by the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson
from yarl import URL

from steward_api.blueprint import BlueprintTool
from steward_api.v1alpha1.tool import Effect
from steward_runtime.errors import StewardError
from steward_runtime.policy.permit import Permit
from steward_runtime.tools.http_request import ArgumentsUnusable, HttpRequest, build_request
from steward_runtime.tools.routes import Route
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind, ToolRequest

NOT_SENT: Final = ToolOutcomeKind.NOT_SENT
REFUSED: Final = ToolOutcomeKind.REFUSED
UNKNOWN: Final = ToolOutcomeKind.UNKNOWN
GATEWAY_SILENT: Final = frozenset({502, 504})
"""A gateway gave up on the tool behind it (RFC 9110 15.6.3, 15.6.5): it may have acted."""


@dataclass(frozen=True, slots=True)
class HttpPlumbing:
    """What an HTTP tool gets from outside.

    Attributes:
        session: reaches the tool's host and no other.
        route: where the requests go.
        credential_headers: authorization for one call; read for each call, so that a rotated
            Secret is used at once. Raises CredentialUnbound or CredentialMissing.
        trace_headers: headers that join the call to the current trace.
    """

    session: aiohttp.ClientSession
    route: Route
    credential_headers: Callable[[], Mapping[str, str]]
    trace_headers: Callable[[], Mapping[str, str]]


class HttpTool:
    """One tool of type HTTP."""

    def __init__(self, tool: BlueprintTool, plumbing: HttpPlumbing) -> None:
        self._tool = tool
        self._plumbing = plumbing

    async def call(self, permit: Permit, request: ToolRequest) -> ToolOutcome:
        """Make one call."""
        permit.check_covers(CommandKind.CALL_TOOL, self._tool.name)
        try:
            prepared = build_request(self._plumbing.route.url, self._tool.method, request.arguments)
            headers = self._build_headers(request, prepared)
        except ArgumentsUnusable as error:
            return ToolOutcome(NOT_SENT, reason="ArgumentsRefused", message=str(error))
        except StewardError as error:
            return ToolOutcome(NOT_SENT, reason=error.reason, message=error.message)
        return await self._send(prepared, headers)

    def _build_headers(self, request: ToolRequest, prepared: HttpRequest) -> dict[str, str]:
        headers = {"Accept": "application/json, text/plain;q=0.5"}
        headers.update(self._plumbing.trace_headers())
        headers.update(self._plumbing.credential_headers())
        if prepared.body is not None:
            headers["Content-Type"] = "application/json"
        if self._plumbing.route.host_header is not None:
            headers["Host"] = self._plumbing.route.host_header
        key_header = self._tool.contract.idempotency_key_header
        if key_header is not None:
            headers[key_header] = request.key
        return headers

    async def _send(self, prepared: HttpRequest, headers: dict[str, str]) -> ToolOutcome:
        try:
            async with self._plumbing.session.request(
                self._tool.method.value,
                URL(prepared.url, encoded=True),
                data=prepared.body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await self._read(response)
                return self._judge(response, content)
        except StewardError as error:
            return ToolOutcome(NOT_SENT, reason=error.reason, message=error.message)
        except aiohttp.ClientConnectorError:
            return self._fail(NOT_SENT, "ToolUnreachable", "could not be reached")
        except (aiohttp.ClientError, OSError):
            return self._fail(UNKNOWN, "ToolDisconnected", "broke the connection off")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """Return the body, or None if it is larger than the contract allows."""
        bytes_max = self._tool.contract.response_bytes
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > bytes_max:
                response.close()
                return None
        return bytes(content)

    def _judge(self, response: aiohttp.ClientResponse, content: bytes | None) -> ToolOutcome:
        status = response.status
        if status in GATEWAY_SILENT and self._tool.contract.effect is not Effect.READ:
            return self._fail(UNKNOWN, "ToolGatewayError", f"answered HTTP {status}")
        if 300 <= status < 400:
            return self._fail(REFUSED, "RedirectRefused", "answered with a redirect")
        if status >= 400:
            return self._fail(REFUSED, "ToolAnsweredError", f"answered HTTP {status}")
        if content is None:
            limit = self._tool.contract.response_bytes
            return self._fail(REFUSED, "ResponseTooLarge", f"answered more than {limit} bytes")
        return self._accept(response.content_type, content)

    def _accept(self, content_type: str, content: bytes) -> ToolOutcome:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return self._fail(REFUSED, "ResponseNotText", "answered with bytes that are not text")
        is_json = content_type == "application/json" or content_type.endswith("+json")
        if content and is_json:
            try:
                orjson.loads(content)
            except orjson.JSONDecodeError:
                return self._fail(REFUSED, "ResponseNotJson", "answered with broken JSON")
        return ToolOutcome(ToolOutcomeKind.ANSWERED, text=text)

    def _fail(self, kind: ToolOutcomeKind, reason: str, what: str) -> ToolOutcome:
        return ToolOutcome(kind, reason=reason, message=f"Tool {self._tool.name} {what}.")
