"""Conditions and reasons: documented, stable, and moved in time only when the status moves."""

from __future__ import annotations

import inspect
import re

import pytest

from steward_api import conditions
from steward_api.conditions import Problem, State, settle_conditions
from steward_api.meta import CONDITIONS_MAX, MESSAGE_LENGTH_MAX, Condition, ConditionStatus
from steward_api.reasons import REASON_MEANINGS, TYPE_MEANINGS, ConditionType, Reason

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def settle(previous: tuple[Condition, ...], *states: State, now: str = LATE) -> Condition:
    """Settle one state and return its condition."""
    (condition,) = settle_conditions(previous, states, generation=3, now=now)
    return condition


def test_every_type_and_reason_is_documented() -> None:
    """The reference page is generated from these texts."""
    assert set(REASON_MEANINGS) == set(Reason)
    assert set(TYPE_MEANINGS) == set(ConditionType)
    assert all(meaning.endswith(".") for meaning in REASON_MEANINGS.values())


def test_names_are_pascal_case_and_fit_into_a_condition() -> None:
    """The API server wants a reason in this form."""
    for name in [*Reason, *ConditionType]:
        assert re.fullmatch(r"[A-Z][A-Za-z]{1,63}", name)
    assert len(ConditionType) <= CONDITIONS_MAX


def test_every_reason_is_used() -> None:
    """A reason that nothing constructs would be a promise that nothing keeps."""
    source = inspect.getsource(conditions)
    from steward_operator.plan import (  # the plan is where reasons of problems are chosen
        blueprint,
        bounds,
        json_schema,
        memory_policy,
        model,
        own_status,
        pod_fault,
        prompt,
        references,
        retention_policy,
        tool,
    )

    for module in (
        blueprint,
        bounds,
        json_schema,
        memory_policy,
        model,
        own_status,
        pod_fault,
        prompt,
        references,
        retention_policy,
        tool,
    ):
        source += inspect.getsource(module)
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in source] == []


def test_the_time_changes_only_with_the_status() -> None:
    """A new reason or generation keeps the time; a new status sets it."""
    first = settle((), conditions.rolling_out("desk"), now=EARLY)
    other_reason = settle((first,), conditions.suspended())
    turned = settle((first,), conditions.ready("desk"))
    assert first.last_transition_time == other_reason.last_transition_time == EARLY
    assert (turned.last_transition_time, turned.observed_generation) == (LATE, 3)


def test_conditions_are_sorted_by_type() -> None:
    """The same facts give the same bytes."""
    states = [conditions.settled(), conditions.accepted(), conditions.not_stalled()]
    settled = settle_conditions((), states, generation=1, now=EARLY)
    assert [condition.type for condition in settled] == ["Accepted", "Reconciling", "Stalled"]


def test_problems_are_sorted_and_told_once() -> None:
    """The order in which they were found does not show."""
    one = Problem("spec.a", Reason.TOOL_MISSING, "Tool a does not exist")
    two = Problem("spec.b", Reason.MODEL_MISSING, "Model b does not exist")
    state = conditions.refs_not_resolved([two, one, two])
    assert state == conditions.refs_not_resolved([one, two])
    assert state.reason is Reason.TOOL_MISSING
    assert state.message == "spec.a: Tool a does not exist; spec.b: Model b does not exist"


def test_a_refusal_without_problem_is_an_error_of_ours() -> None:
    """A condition is never False for no reason."""
    with pytest.raises(ValueError, match="Accepted"):
        conditions.not_accepted([])


def test_a_long_message_is_cut_to_what_the_schema_takes() -> None:
    """The API server would refuse the whole status otherwise."""
    problems = [Problem(f"spec.x{n:03}", Reason.TOOL_MISSING, "y" * 40) for n in range(99)]
    condition = settle((), conditions.refs_not_resolved(problems))
    assert len(condition.message) == MESSAGE_LENGTH_MAX
    assert condition.message.endswith("…")


def test_a_verified_runtime_is_true_and_a_different_one_false() -> None:
    """Unknown is what nobody asked."""
    assert conditions.runtime_verified().status is ConditionStatus.TRUE
    assert conditions.runtime_differs().status is ConditionStatus.FALSE
    assert conditions.runtime_not_asked().status is ConditionStatus.UNKNOWN
