"""From an HTTP answer to a fault of our own tree (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from steward_operator.errors import (
    AbsentError,
    AlreadyThereError,
    ApiError,
    ClosingError,
    ExpiredError,
    ForbiddenError,
    OutdatedError,
    RejectedError,
    UnavailableError,
)

DETAIL_LENGTH_MAX: Final = 400
"""Characters kept of the server's sentence: a condition message has 1,024 in all."""
RETRY_AFTER_SECONDS_MAX: Final = 300.0

_UNKNOWN_FIELD: Final = ("field not declared in schema", "failed to create typed patch object")
"""Server-side apply answers 500 for a field that the schema does not know (seen on 1.37): our own
typo, not an outage."""
_REFUSED_RIGHT: Final = re.compile(r'cannot (\w+) resource "([^"]+)" in API group "([^"]*)"')
"""RBAC's words, the same in every version since 1.8."""
_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    HTTPStatus.NOT_FOUND: AbsentError,
    HTTPStatus.GONE: ExpiredError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
}
_REJECTIONS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


def parse_fault(
    attempt: str, status: int, body: bytes | str | Mapping[str, Any], retry_after: str | None = None
) -> ApiError:
    """Return the fault that an answer stands for.

    Args:
        attempt: Verb, kind, namespace and name of what was asked.
        status: HTTP status of the answer, or `code` of a watch's ERROR event.
        body: The answer; normally a `Status` object.
        retry_after: The header Retry-After, in seconds.
    """
    document = body if isinstance(body, Mapping) else _parse_status(body)
    detail = str(document.get("message") or f"HTTP {status}")[:DETAIL_LENGTH_MAX]
    seconds = _parse_seconds(retry_after, document)
    causes = (document.get("details") or {}).get("causes") or ()
    fields = frozenset(str(cause.get("field", "")) for cause in causes)
    fault = _classify(status, str(document.get("reason", "")), detail, fields)
    if fault is ForbiddenError:
        is_closing = any(cause.get("reason") == ClosingError.reason for cause in causes)
        if is_closing:
            return ClosingError(attempt, detail, status=status)
        return ForbiddenError(
            attempt, detail, status=status, missing_right=parse_missing_right(detail)
        )
    return fault(attempt, detail, status=status, retry_after_seconds=seconds)


def parse_missing_right(detail: str) -> str:
    """Return verb and resource of RBAC's refusal, for example `patch deployments.apps`."""
    found = _REFUSED_RIGHT.search(detail)
    if found is None:
        return ""
    verb, resource, group = found.groups()
    plural, slash, subresource = resource.partition("/")
    return f"{verb} {plural}{'.' if group else ''}{group}{slash}{subresource}"


def _classify(status: int, reason: str, detail: str, fields: frozenset[str]) -> type[ApiError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == HTTPStatus.CONFLICT:
        return AlreadyThereError if reason == "AlreadyExists" else OutdatedError
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and "metadata.uid" in fields:
        return OutdatedError
    is_unknown_field = any(text in detail for text in _UNKNOWN_FIELD)
    if status in _REJECTIONS or (status == HTTPStatus.INTERNAL_SERVER_ERROR and is_unknown_field):
        return RejectedError
    return UnavailableError


def _parse_status(body: bytes | str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _parse_seconds(header: str | None, document: Mapping[str, Any]) -> float | None:
    value = header or (document.get("details") or {}).get("retryAfterSeconds")
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
