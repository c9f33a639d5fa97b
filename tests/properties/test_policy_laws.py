"""Laws of the decision: refusing wins, and more restriction never allows more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from steward_api.v1alpha1.tool import Effect
from steward_runtime.labels import BOTTOM
from steward_runtime.policy.decide import Allow, ContractFacts, Judged, Situation, decide
from steward_runtime.turn.commands import CallModel, CallTool, Recall, Remember
from steward_runtime.turn.messages import ChatRequest, ToolCall

NAMES = st.sampled_from(["a", "b"])
SMALL = st.integers(0, 3)
FACTS = st.builds(
    ContractFacts,
    is_declared=st.booleans(),
    effect=st.sampled_from(Effect),
    calls_per_turn=SMALL,
    has_key=st.booleans(),
)
SITUATIONS = st.builds(
    Situation,
    task_id=st.just("task_1"),
    subject=st.none() | st.just("alice"),
    now_ms=SMALL,
    deadline_at_ms=SMALL,
    model_calls=SMALL,
    model_calls_max=SMALL,
    contracts=st.dictionaries(NAMES, FACTS),
    calls_made=st.dictionaries(NAMES, SMALL),
    has_memory=st.booleans(),
    arguments_match=st.none() | st.booleans(),
)
COMMANDS: st.SearchStrategy[Judged] = st.one_of(
    st.just(CallModel(1, ChatRequest(()), BOTTOM)),
    st.just(Recall("q", BOTTOM)),
    st.just(Remember("t", BOTTOM)),
    st.builds(
        lambda tool, was_sent: CallTool(
            "1.0", ToolCall("c", tool, "{}"), BOTTOM, was_sent=was_sent
        ),
        NAMES,
        st.booleans(),
    ),
)


def is_allowed(command: Judged, situation: Situation) -> bool:
    """Say whether a command may happen."""
    return isinstance(decide(command, situation), Allow)


@given(COMMANDS, SITUATIONS)
def test_the_decision_is_a_function(command: Judged, situation: Situation) -> None:
    """The same facts give the same decision."""
    assert decide(command, situation) == decide(command, situation)


@given(COMMANDS, SITUATIONS)
def test_nothing_destructive_undeclared_or_unchecked_is_ever_allowed(
    command: Judged, situation: Situation
) -> None:
    """Every allowed call of a tool has a declared, harmless contract and checked arguments."""
    if isinstance(command, CallTool) and is_allowed(command, situation):
        contract = situation.contracts[command.call.tool]
        assert contract.is_declared
        assert contract.effect is not Effect.DESTRUCTIVE
        assert situation.arguments_match is True
        assert contract.is_repeatable or not command.was_sent


@given(COMMANDS, SITUATIONS, SMALL)
def test_time_and_use_never_allow_more(command: Judged, situation: Situation, more: int) -> None:
    """Later, or after more calls, what was refused stays refused."""
    later = replace(
        situation,
        now_ms=situation.now_ms + more,
        model_calls=situation.model_calls + more,
        calls_made={name: situation.calls_made.get(name, 0) + more for name in ("a", "b")},
    )
    assert is_allowed(command, situation) or not is_allowed(command, later)


@given(COMMANDS, SITUATIONS)
def test_losing_subject_memory_or_contracts_never_allows_more(
    command: Judged, situation: Situation
) -> None:
    """A missing fact refuses; it never opens."""
    for poorer in (
        replace(situation, subject=None),
        replace(situation, has_memory=False),
        replace(situation, contracts={}),
        replace(situation, arguments_match=None),
    ):
        assert is_allowed(command, situation) or not is_allowed(command, poorer)


@given(COMMANDS, SITUATIONS)
def test_a_permit_covers_exactly_its_command(command: Judged, situation: Situation) -> None:
    """Kind, task, subject and label are those that were judged."""
    decision = decide(command, situation)
    if isinstance(decision, Allow):
        permit = decision.permit
        assert permit.kind is command.kind
        assert permit.task_id == situation.task_id
        assert permit.subject == situation.subject
        assert permit.label == command.label
