"""What an HTTP answer means: the table that decides whether anything is tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_api.meta import GROUP
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
from steward_operator.kube.faults import DETAIL_LENGTH_MAX, RETRY_AFTER_SECONDS_MAX, parse_fault

ATTEMPT = "apply Service default/helper"


def build_status(reason: str = "", message: str = "", **details: Any) -> bytes:
    """A Status object as the API server sends it."""
    return json.dumps({"reason": reason, "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, build_status(), RejectedError),
        (401, build_status("Unauthorized"), UnavailableError),
        (403, build_status("Forbidden"), ForbiddenError),
        (404, build_status("NotFound"), AbsentError),
        (409, build_status("AlreadyExists"), AlreadyThereError),
        (409, build_status("Conflict"), OutdatedError),
        (410, build_status("Expired"), ExpiredError),
        (413, build_status(), RejectedError),
        (422, build_status("Invalid"), RejectedError),
        (422, build_status("Invalid", causes=[{"field": "metadata.uid"}]), OutdatedError),
        (429, build_status("TooManyRequests"), UnavailableError),
        (500, build_status("InternalError", "etcd is away"), UnavailableError),
        (503, b"<html>", UnavailableError),
        (504, b"", UnavailableError),
    ],
)
def test_tells_faults_apart(status: int, body: bytes, kind: type[ApiError]) -> None:
    """Each answer becomes the fault that says what to do."""
    fault = parse_fault(ATTEMPT, status, body)
    assert type(fault) is kind
    assert fault.status == status
    assert ATTEMPT in str(fault)


def test_a_field_that_no_schema_knows_is_not_an_outage() -> None:
    """Apply answers 500 for our own typo; repeating it would never end."""
    message = "failed to create typed patch object: .spec.x: field not declared in schema"
    fault = parse_fault(ATTEMPT, 500, build_status("InternalError", message))
    assert isinstance(fault, RejectedError)
    assert not fault.retryable


def test_a_namespace_that_is_being_deleted_is_no_missing_right() -> None:
    """Its 403 has a cause of its own, and nothing is tried again."""
    body = build_status("Forbidden", causes=[{"reason": "NamespaceTerminating"}])
    fault = parse_fault(ATTEMPT, 403, body)
    assert isinstance(fault, ClosingError)
    assert not fault.retryable


def test_a_refusal_by_right_is_tried_again_but_rarely() -> None:
    """Nothing tells us when a quota or a right changes."""
    fault = parse_fault(ATTEMPT, 403, build_status("Forbidden"), "1")
    assert fault.retryable
    assert fault.retry_after_seconds == ForbiddenError.RETRY_SECONDS


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ("7", {}, 7.0),
        (None, {"retryAfterSeconds": 3}, 3.0),
        ("Mon, 23 Nov 2026 00:00:00 GMT", {}, None),
        ("99999", {}, RETRY_AFTER_SECONDS_MAX),
        ("-5", {}, 0.0),
        (None, {}, None),
    ],
)
def test_reads_how_long_to_wait(
    header: str | None, details: dict[str, Any], seconds: float | None
) -> None:
    """Header or detail, in seconds, within bounds."""
    fault = parse_fault(ATTEMPT, 429, build_status(**details), header)
    assert fault.retry_after_seconds == seconds


@given(st.integers(400, 599), st.binary(max_size=200))
def test_any_answer_becomes_a_fault(status: int, body: bytes) -> None:
    """Garbage from a proxy never becomes another exception."""
    fault = parse_fault(ATTEMPT, status, body)
    assert isinstance(fault, ApiError)
    assert len(fault.detail) <= DETAIL_LENGTH_MAX


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (
            (
                'deployments.apps "a" is forbidden: User "u" cannot patch resource "deployments" '
                'in API group "apps" in the namespace "n"'
            ),
            "patch deployments.apps",
        ),
        (
            (
                f'assistants.{GROUP} "a" is forbidden: User "u" cannot patch resource '
                f'"assistants/status" in API group "{GROUP}" in the namespace "n"'
            ),
            f"patch assistants.{GROUP}/status",
        ),
        (
            (
                'pods is forbidden: User "u" cannot list resource "pods" in API group "" at the '
                "cluster scope"
            ),
            "list pods",
        ),
        ("exceeded quota: objects", ""),
    ],
)
def test_names_the_right_that_rbac_does_not_grant(words: str, right: str) -> None:
    """Verb and resource go into the log; any other refusal's words do not."""
    fault = parse_fault(ATTEMPT, 403, build_status("Forbidden", words))
    assert isinstance(fault, ForbiddenError)
    assert fault.missing_right == right
    assert fault.explain().get("missing_right", "") == right
    assert fault.explain()["attempt"] == ATTEMPT
