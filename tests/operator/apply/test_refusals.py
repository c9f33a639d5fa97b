"""Refused writes are remembered for exactly as long as nothing changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steward_operator.apply.outcome import NOTHING, WRITTEN, Outcome, merge_outcomes
from steward_operator.apply.refusals import Refusals
from steward_operator.apply.status import (
    LATEST_SECONDS,
    QUIET_SECONDS,
    StatusTiming,
    decide_status_delay,
    has_ready_condition,
)
from steward_operator.errors import (
    ApiError,
    ClosingError,
    ForbiddenError,
    OutdatedError,
    RejectedError,
    UnavailableError,
)
from steward_operator.gather.child_record import ChildKey
from steward_operator.objects import Manifest

KEY = ChildKey("Service", "n", "a")
MANIFEST: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "a", "namespace": "n"},
}


def judge(refusals: Refusals, error: ApiError, now: float = 0.0) -> Outcome:
    """Judge one failed write of the wish `d` to the version `v`."""
    return refusals.judge(KEY, MANIFEST, error, now, digest="d", version="v")


def test_a_rejection_stands_until_wish_or_object_changes() -> None:
    """The same write is not sent again; another one is."""
    refusals = Refusals()
    outcome = judge(refusals, RejectedError("create", "invalid", status=422))
    assert [fault.code for fault in outcome.faults] == [422]
    assert refusals.find(KEY, "d", "v", 1e9) == outcome.faults[0]
    assert refusals.find(KEY, "other", "v", 0.0) is None
    judge(refusals, RejectedError("create", "invalid", status=422))
    assert refusals.find(KEY, "d", "other", 0.0) is None


def test_a_missing_right_is_tried_again_after_its_time() -> None:
    """It counts as a fault meanwhile."""
    refusals = Refusals()
    outcome = judge(refusals, ForbiddenError("create", "quota"))
    assert outcome.faults
    assert refusals.next_expiry() == ForbiddenError.RETRY_SECONDS
    assert refusals.find(KEY, "d", "v", ForbiddenError.RETRY_SECONDS - 1) is not None
    assert refusals.find(KEY, "d", "v", ForbiddenError.RETRY_SECONDS) is None


def test_other_faults_are_not_remembered() -> None:
    """A moved world is looked at again, an outage waited for, a closing namespace left."""
    refusals = Refusals()
    assert judge(refusals, OutdatedError("apply", "moved")).is_outdated
    for error in (UnavailableError("create", "away"), ClosingError("create", "closing")):
        assert judge(refusals, error).transient is error
    assert not refusals.by_child


def test_outcomes_add_up_and_ask_for_the_longest_wait() -> None:
    """Faults come in a stable order."""
    short = UnavailableError("a", "b", retry_after_seconds=1.0)
    long = UnavailableError("a", "b", retry_after_seconds=9.0)
    merged = merge_outcomes(
        (NOTHING, WRITTEN, WRITTEN, Outcome(transient=short), Outcome(transient=long))
    )
    assert (merged.writes, merged.transient) == (2, long)


times = st.floats(0, 1000)


@given(times, times, st.none() | times)
def test_a_status_waits_for_quiet_but_never_for_long(
    stirred: float, later: float, pending: float | None
) -> None:
    """Bad news waits at most two seconds, and good news not at all."""
    now = stirred + later
    timing = StatusTiming(stirred, None if pending is None else min(now, pending))
    delay = decide_status_delay(timing, now, is_ready=False)
    rounding = 1e-9  # of times that are large beside the delay
    assert 0 <= delay <= min(QUIET_SECONDS, LATEST_SECONDS) + rounding
    assert decide_status_delay(timing, now, is_ready=True) == 0
    if later >= QUIET_SECONDS:
        assert delay == 0


def test_reads_ready_from_a_planned_status() -> None:
    """Only Ready=True is good news."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert has_ready_condition(ready)
    assert not has_ready_condition({"conditions": [{"type": "Accepted", "status": "True"}]})
    assert not has_ready_condition({})
