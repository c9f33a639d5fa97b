"""Laws of health.lua: it answers whatever it is shown, and Healthy is never a guess."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward_api.conditions import State, settle_conditions
from steward_api.meta import ConditionStatus, Status
from steward_api.reasons import ConditionType, Reason
from steward_api.v1alpha1 import KINDS
from steward_argo.health import Health, read_script
from steward_operator.plan.own_status import render_status

SCRIPT = read_script()
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
GENERATIONS = st.integers(1, 4)
KIND_NAMES = st.sampled_from([kind.NAMES.kind for kind in KINDS])
STATES = st.builds(
    State,
    type=st.sampled_from(ConditionType),
    status=st.sampled_from(ConditionStatus),
    reason=st.sampled_from(Reason),
    message=TEXT,
)
STATE_LISTS = st.lists(STATES, unique_by=lambda state: state.type, max_size=len(ConditionType))
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*ConditionType]) | JSON,
        "status": st.sampled_from([*ConditionStatus]) | JSON,
        "observedGeneration": GENERATIONS | JSON,
        "reason": st.just("Suspended") | JSON,
        "message": JSON,
    },
)


def build_document(kind: str, generation: int, observed: int, states: list[State]) -> Any:
    """Return an object whose status the operator could have written."""
    conditions = settle_conditions((), states, generation=observed, now="2026-01-02T03:04:05Z")
    status = Status(observed_generation=observed, conditions=conditions)
    return {
        "kind": kind,
        "metadata": {"generation": generation},
        "status": render_status(status),
    }


def read_statuses(document: Any) -> dict[str, str]:
    """Return the status of each condition by its type."""
    return {entry["type"]: entry["status"] for entry in document["status"]["conditions"]}


@given(JSON)
def test_any_document_has_a_health(document: Any) -> None:
    """An error here would be "Unknown" on a whole Application."""
    assert SCRIPT.judge(document).health is not Health.HEALTHY


@given(KIND_NAMES, JSON, JSON, st.lists(ENTRIES, max_size=4) | JSON)
def test_any_status_has_a_health(
    kind: str, generation: Any, observed: Any, conditions: Any
) -> None:
    """Fields of the wrong type are taken for absent ones."""
    document = {
        "kind": kind,
        "metadata": {"generation": generation},
        "status": {"observedGeneration": observed, "conditions": conditions},
    }
    SCRIPT.judge(document)


@given(KIND_NAMES, GENERATIONS, GENERATIONS, STATE_LISTS)
def test_what_was_said_of_an_older_spec_is_progress(
    kind: str, generation: int, later: int, states: list[State]
) -> None:
    """Neither a success nor a failure of yesterday counts."""
    document = build_document(kind, generation + later, generation, states)
    assert SCRIPT.judge(document).health is Health.PROGRESSING


@given(KIND_NAMES, GENERATIONS, STATE_LISTS)
def test_healthy_means_accepted_resolved_and_served(
    kind: str, generation: int, states: list[State]
) -> None:
    """No condition that asks for somebody is overlooked, and none is made up."""
    document = build_document(kind, generation, generation, states)
    said = read_statuses(document)
    is_right = (
        said.get("Accepted") == "True"
        and said.get("Ready", "False" if kind == "Assistant" else "True") == "True"
        and said.get("Stalled") != "True"
        and said.get("ResolvedRefs") != "False"
        and said.get("RuntimeVerified") != "False"
    )
    assert (SCRIPT.judge(document).health is Health.HEALTHY) == is_right


@given(KIND_NAMES, GENERATIONS, STATE_LISTS)
def test_degraded_is_always_in_our_words(kind: str, generation: int, states: list[State]) -> None:
    """Its message is that of a condition, or the reason where it has no message."""
    document = build_document(kind, generation, generation, states)
    verdict = SCRIPT.judge(document)
    if verdict.health in {Health.DEGRADED, Health.SUSPENDED}:
        ours = {state.message or state.reason.value for state in states}
        assert verdict.message in ours


@given(KIND_NAMES, GENERATIONS, STATE_LISTS, st.data())
def test_the_order_of_conditions_means_nothing(
    kind: str, generation: int, states: list[State], data: st.DataObject
) -> None:
    """Conditions are a map by type."""
    document = build_document(kind, generation, generation, states)
    before = SCRIPT.judge(document)
    shuffled = data.draw(st.permutations(document["status"]["conditions"]))
    document["status"]["conditions"] = shuffled
    assert SCRIPT.judge(document) == before
