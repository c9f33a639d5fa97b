"""plan_events: one Event per change that somebody should know of."""

from __future__ import annotations

from steward_api.meta import Condition, ConditionStatus
from steward_operator.plan.events import plan_events
from steward_operator.plan.world import EventType


def condition(type_: str, status: str, reason: str) -> Condition:
    """Return a condition."""
    return Condition(type=type_, status=ConditionStatus(status), reason=reason, message="why")


def test_good_news_at_the_start_is_no_event() -> None:
    """A clean first convergence tells nothing."""
    after = [condition("Accepted", "True", "Accepted"), condition("Ready", "True", "Available")]
    assert plan_events([], after) == ()


def test_progress_and_known_limits_are_no_events() -> None:
    """Rolling out, being suspended and what a policy cannot say are states, not alarms."""
    after = [
        condition("Ready", "False", "RolloutInProgress"),
        condition("Reconciling", "True", "RolloutInProgress"),
        condition("EgressExact", "False", "HostnamesNotEnforceable"),
        condition("TransportEncrypted", "False", "TlsNotConfigured"),
    ]
    assert plan_events([], after) == ()
    assert plan_events([], [condition("Ready", "False", "Suspended")]) == ()


def test_what_turns_bad_together_is_told_once() -> None:
    """One cause, one Event."""
    after = [
        condition("Accepted", "False", "PromptMissing"),
        condition("Ready", "False", "PromptMissing"),
        condition("Stalled", "True", "PromptMissing"),
    ]
    (event,) = plan_events([], after)
    assert (event.type, event.reason) == (EventType.WARNING, "PromptMissing")


def test_what_stays_bad_is_not_told_again() -> None:
    """Neither a restart nor a resync repeats an Event."""
    bad = [condition("Accepted", "False", "PromptMissing")]
    assert plan_events(bad, bad) == ()


def test_another_reason_is_news() -> None:
    """A second cause is told, and so is the way back."""
    first = [condition("Accepted", "False", "PromptMissing")]
    second = [condition("Accepted", "False", "RetentionPolicyMissing")]
    mended = [condition("Accepted", "True", "Accepted")]
    assert [event.reason for event in plan_events(first, second)] == ["RetentionPolicyMissing"]
    assert [event.type for event in plan_events(second, mended)] == [EventType.NORMAL]


def test_conditions_of_others_are_ignored() -> None:
    """A type that is not ours tells us nothing."""
    assert plan_events([], [condition("Healthy", "False", "Sick")]) == ()
