"""Around every application: count, log, and turn what was raised into an answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Final

from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from steward_runtime.errors import StewardError
from steward_runtime.server.body import ClientGone
from steward_runtime.server.errors import build_error_response, resolve_error
from steward_runtime.server.ports import Meter
from steward_runtime.telemetry.names import LogField
from steward_runtime.telemetry.spans import entered

SILENT_ROUTES: Final = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""Asked every few seconds: counted, not logged."""
OTHER_ROUTE: Final = "other"
_COLLECTIONS: Final = (
    r"v1/(?:models|tasks|conversations|memories)"
    r"|internal/v1/(?:status|purges|erasures|receipts)"
)
_ROUTES: Final = re.compile(
    r"(/livez|/readyz|/healthz|/metrics|/openapi\.json|/v1/chat/completions"
    rf"|/(?:{_COLLECTIONS}))(/[^/]+)?(/cosignature)?"
)
CLIENT_GONE_STATUS: Final = 499
"""nginx's number for a client that left before the answer; used in metrics only."""
SPAN_KEY: Final = "steward.span"
TASK_KEY: Final = "steward.task"
"""Where a handler leaves the span and the task of a request, for the log line about it."""
_log = logging.getLogger(__name__)


class Door:
    """ASGI wrapper of one application."""

    def __init__(
        self, routes: Sequence[BaseRoute], meter: Meter, monotonic_seconds: Callable[[], float]
    ) -> None:
        self.routes = tuple(routes)
        self._router = Router(list(routes), redirect_slashes=False)
        self._meter = meter
        self._monotonic_seconds = monotonic_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        began = self._monotonic_seconds()
        status = CLIENT_GONE_STATUS

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            scope["app"] = self  # then the router raises instead of answering in plain text
            await self._router(scope, receive, send_noting)
        except ClientGone:
            pass
        except Exception as error:
            if status != CLIENT_GONE_STATUS:
                _log.exception("AnswerBroken")
                raise
            await self._answer_error(error, scope, receive, send_noting)
        finally:
            self._note(scope, status, self._monotonic_seconds() - began)

    async def _answer_error(
        self, error: Exception, scope: Scope, receive: Receive, send: Send
    ) -> None:
        shown = resolve_error(error)
        if not isinstance(error, StewardError):
            _log.error("Defect", exc_info=error)
        self._meter.record_refusal(shown.reason)
        await build_error_response(shown)(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = name_route(scope["path"])
        self._meter.record_request(route, status, seconds)
        if route in SILENT_ROUTES:
            return
        extra = {
            LogField.ROUTE.value: route,
            LogField.METHOD.value: scope["method"],
            LogField.STATUS.value: status,
            LogField.SECONDS.value: round(seconds, 4),
            LogField.TASK.value: scope.get(TASK_KEY),
        }
        span = scope.get(SPAN_KEY)
        with nullcontext() if span is None else entered(span):
            _log.info("RequestServed", extra=extra)


def name_route(path: str) -> str:
    """Return the pattern of a path, so that neither ids nor made-up paths become labels."""
    match = _ROUTES.fullmatch(path)
    if match is None:
        return OTHER_ROUTE
    return match[1] if match[2] is None else f"{match[1]}/{{id}}{match[3] or ''}"
