"""What the doctor makes of a cluster's answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from steward_operator.doctor.findings import (
    DEFAULT_CLASS,
    Finding,
    Right,
    Verdict,
    build_report,
    decide_verdict,
    gather_rights,
    judge_clock,
    judge_definitions,
    judge_rights,
    judge_storage,
)
from steward_operator.objects import Manifest
from steward_operator.rbac import build_rules

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
READ = Right("apps", "deployments", "get")
WRITE = Right("", "secrets", "create")


def test_asks_for_every_right_of_the_operator() -> None:
    """Each verb on each resource is one question."""
    rights = gather_rights(build_rules())
    assert WRITE in rights
    assert len(rights) == len(set(rights))
    assert str(Right("apps", "deployments/status", "patch", "n")) == (
        "patch deployments.apps/status in n"
    )


@pytest.mark.parametrize(
    ("answers", "verdict", "mention"),
    [
        ({READ: True, WRITE: True}, Verdict.OK, "all 2 rights"),
        ({READ: True, WRITE: False}, Verdict.FAILED, "create secrets"),
        ({READ: None, WRITE: True}, Verdict.UNKNOWN, "1 of 2"),
        ({READ: None, WRITE: False}, Verdict.FAILED, "create secrets"),
    ],
)
def test_a_missing_right_is_named(
    answers: dict[Right, bool | None], verdict: Verdict, mention: str
) -> None:
    """What was not answered is not taken for a yes."""
    found = judge_rights("the operator", answers)
    assert found.verdict is verdict
    assert mention in found.message


def test_a_cluster_needs_a_default_storage_class() -> None:
    """Without one a claim waits for ever."""
    plain: Manifest = {"metadata": {"name": "slow"}}
    default: Manifest = {"metadata": {"name": "fast", "annotations": {DEFAULT_CLASS: "true"}}}
    assert judge_storage([plain, default]).verdict is Verdict.OK
    without = judge_storage([plain])
    assert (without.verdict, "slow" in without.message) == (Verdict.FAILED, True)
    assert "there are: none" in judge_storage([]).message


@pytest.mark.parametrize(
    ("skew_seconds", "verdict"),
    [
        (0, Verdict.OK),
        (4, Verdict.OK),
        (-4, Verdict.OK),
        (60, Verdict.FAILED),
        (-60, Verdict.FAILED),
    ],
)
def test_a_clock_that_is_far_off_is_told(skew_seconds: int, verdict: Verdict) -> None:
    """Whole seconds and the time of the answer are no skew."""
    date = format_datetime(NOW + timedelta(seconds=skew_seconds), usegmt=True)
    assert judge_clock(date, NOW, NOW + timedelta(milliseconds=300)).verdict is verdict


def test_an_answer_without_a_date_tells_nothing() -> None:
    """It is neither right nor wrong."""
    assert judge_clock("", NOW, NOW).verdict is Verdict.UNKNOWN


def test_the_worst_verdict_is_the_report_s() -> None:
    """Failed weighs more than unknown."""
    fine = judge_definitions((), 8)
    unknown = Finding("x", Verdict.UNKNOWN, "")
    failed = judge_definitions(("a is missing",), 8)
    assert decide_verdict([fine]) is Verdict.OK
    assert decide_verdict([fine, unknown]) is Verdict.UNKNOWN
    assert decide_verdict([fine, unknown, failed]) is Verdict.FAILED
    assert build_report([fine])["findings"][0]["check"] == "definitions"
