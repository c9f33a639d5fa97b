"""Errors at the door: OpenAI's body, the right status, and when to come back.

`{"error": {"message", "type", "param", "code"}}`, where `code` is our CamelCase reason and `type`
is one of OpenAI's, so that its clients raise the exception that their users know.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from steward_runtime.errors import (
    NotFound,
    RequestRefused,
    StewardError,
    TurnFailed,
    Unauthorized,
)
from steward_runtime.turn.state import Outcome

RETRY_STATUSES: Final = frozenset({429, 503})
RETRY_SECONDS: Final = 1
"""Where nothing better is known."""
TYPE_OF_STATUS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "invalid_request_error",
    410: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
STATUS_OF_REASON: Final = {
    "DeadlineExceeded": 504,
    "ModelUnavailable": 503,
    "StorageFull": 503,
    "StorageUnavailable": 503,
    "PolicyMissing": 503,
    "ContextTooSmall": 400,
    "ContextExceeded": 400,
    "InternalError": 500,
    "Cancelled": 500,
}
"""Status of a task that failed; any other reason is 502: what we depend on failed."""
INTERNAL_MESSAGE: Final = "The assistant has a defect. Tell its operator the request id."


class Forbidden(RequestRefused):
    """The key is good and may not do this."""

    reason = "Forbidden"
    status = 403


class RouteUnknown(NotFound):
    """No such path."""

    reason = "RouteUnknown"


class MethodNotAllowed(RequestRefused):
    """The path knows other methods."""

    reason = "MethodNotAllowed"
    status = 405


class RequestTimedOut(RequestRefused):
    """The body did not arrive in time."""

    reason = "RequestTimeout"
    status = 408


class InternalError(StewardError):
    """A defect, shown without any detail."""


def render_error(error: StewardError) -> dict[str, Any]:
    """Return OpenAI's error object."""
    return {
        "message": error.message,
        "type": TYPE_OF_STATUS.get(error.status, "server_error"),
        "param": getattr(error, "param", None),
        "code": error.reason,
    }


def build_error_response(error: StewardError) -> Response:
    """Return the response for an error."""
    headers: dict[str, str] = {}
    if error.status in RETRY_STATUSES or error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds or RETRY_SECONDS)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps({"error": render_error(error)})
    return Response(body, error.status, headers, "application/json")


def resolve_error(error: Exception) -> StewardError:
    """Return what a client may see of any exception."""
    match error:
        case StewardError():
            return error
        case HTTPException(status_code=404):
            return RouteUnknown("There is no such path. The API begins with /v1/chat/completions.")
        case HTTPException(status_code=405):
            return MethodNotAllowed("The path does not know this method.")
        case _:
            return InternalError(INTERNAL_MESSAGE)


def build_failure(outcome: Outcome) -> TurnFailed:
    """Return the error of a task that ended without reply."""
    reason = outcome.reason or "TurnFailed"
    return TurnFailed(reason, outcome.message, status=STATUS_OF_REASON.get(reason, 502))
