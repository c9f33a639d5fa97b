"""Hypothesis strategies for labels, messages and events."""

from __future__ import annotations

from hypothesis import strategies as st

from steward_runtime.labels import DataClass, Integrity, Label, Sensitivity
from steward_runtime.turn import events
from steward_runtime.turn.messages import (
    Caller,
    Message,
    ModelOptions,
    Recalled,
    Role,
    ToolCall,
    ToolOffer,
    Usage,
)

NAMES = st.sampled_from(["a", "b", "c"])
SETS = st.frozensets(NAMES, max_size=3)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(0, 2**40)
OPTIONAL_NUMBERS = st.none() | st.integers(0, 10_000)

LABELS = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    readers=st.none() | SETS,
    sensitivity=st.sampled_from(Sensitivity),
    subjects=SETS,
    purpose=st.none() | SETS,
    retention=st.sampled_from(DataClass),
    origin=SETS,
)
CALLS = st.lists(st.builds(ToolCall, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(Role),
    text=TEXTS,
    label=LABELS,
    tool_calls=CALLS,
    call_id=st.none() | TEXTS,
)
OFFERS = st.builds(ToolOffer, TEXTS, TEXTS, TEXTS, is_client=st.just(True))
OPTIONS = st.builds(
    ModelOptions,
    temperature_milli=OPTIONAL_NUMBERS,
    top_p_milli=OPTIONAL_NUMBERS,
    max_tokens=OPTIONAL_NUMBERS,
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    seed=OPTIONAL_NUMBERS,
    tool_choice=st.none() | TEXTS,
    response_format=st.none() | TEXTS,
)
USAGE = st.builds(Usage, NUMBERS, NUMBERS)
EVENTS: st.SearchStrategy[events.Event] = st.one_of(
    st.builds(
        events.TurnRequested,
        caller=st.builds(Caller, TEXTS, st.none() | TEXTS),
        conversation_id=TEXTS,
        history_length=NUMBERS,
        messages=st.lists(MESSAGES, max_size=3).map(tuple),
        options=OPTIONS,
        client_tools=st.lists(OFFERS, max_size=2).map(tuple),
        blueprint_digest=TEXTS,
        accepted_at_ms=NUMBERS,
        deadline_at_ms=NUMBERS,
    ),
    st.builds(
        events.RecallFinished,
        st.lists(st.builds(Recalled, TEXTS, TEXTS, TEXTS, LABELS, NUMBERS), max_size=2).map(tuple),
    ),
    st.builds(events.ModelStarted, NUMBERS),
    st.builds(events.ModelReplied, NUMBERS, TEXTS, CALLS, LABELS, TEXTS, USAGE, TEXTS),
    st.builds(events.ModelFailed, NUMBERS, TEXTS, TEXTS),
    st.builds(events.ToolIntended, TEXTS, TEXTS, TEXTS),
    st.builds(events.ToolSent, TEXTS, NUMBERS),
    st.builds(events.ToolFinished, TEXTS, TEXTS, LABELS),
    st.builds(events.ToolFailed, TEXTS, TEXTS, TEXTS),
    st.builds(events.Denied, TEXTS, TEXTS, TEXTS, TEXTS),
    st.builds(events.RememberFinished, TEXTS),
    st.builds(events.Replied, NUMBERS),
    st.builds(events.Failed, TEXTS, TEXTS, NUMBERS),
)
"""Any event of any turn."""
