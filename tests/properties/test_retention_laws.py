"""Laws of retention: what is due, what a hold saves, what a run takes, and the scanner."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from steward_api.receipt import NeedleKind, Trigger
from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.retention.needles import Needle
from steward_runtime.retention.plan import ClassPlan, Record, plan_purge, trim_plan
from steward_runtime.retention.scan import Index, scan_stream
from steward_runtime.retention.state import (
    Item,
    RunState,
    Search,
    drop_items,
    parse_state,
    render_state,
)
from steward_runtime.retention.windows import Hold, Windows

NOW_MS = 10_000_000
classes = st.sampled_from(DataClass)
records = st.lists(
    st.builds(
        Record,
        data_class=classes,
        store=st.sampled_from(["a", "b"]),
        record_id=st.text("0123456789abcdef", min_size=1, max_size=4),
        subject=st.just("ada"),
        changed_at_ms=st.integers(NOW_MS - 200_000, NOW_MS + 1_000),
        is_in_use=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda record: (record.store, record.record_id),
)
windows = st.builds(
    Windows,
    policy=st.just("p"),
    policy_digest=st.just("d"),
    keep_seconds=st.dictionaries(classes, st.integers(60, 180)),
    holds=st.lists(st.builds(Hold, st.sampled_from(["h1", "h2"]), classes), max_size=2).map(tuple),
)


@given(records, windows)
def test_nothing_goes_before_its_window_has_passed(rows: list[Record], given: Windows) -> None:
    """What goes is due; what is due, free and not in use goes."""
    plan = plan_purge(rows, given, Trigger.WINDOW, NOW_MS)
    held = {hold.data_class for hold in given.holds}
    wanted = {
        record
        for record in rows
        if record.data_class in given.keep_seconds
        and record.data_class not in held
        and not record.is_in_use
        and record.changed_at_ms + given.keep_seconds[record.data_class] * 1_000 <= NOW_MS
    }
    assert set(plan.delete) == wanted


@given(records, windows)
def test_a_hold_wins_for_erasure_as_well(rows: list[Record], given: Windows) -> None:
    """A deleted assistant loses everything except what is held."""
    plan = plan_purge(rows, given, Trigger.ASSISTANT_DELETED, NOW_MS)
    held = {hold.data_class for hold in given.holds}
    assert set(plan.delete) == {record for record in rows if record.data_class not in held}
    for row in plan.classes:
        assert row.due == sum(record.data_class is row.data_class for record in rows)
        assert bool(row.holds) == (row.data_class in held)


@given(records, windows, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    rows: list[Record], given: Windows, random: object
) -> None:
    """Stores may list as they like."""
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' own Random
    assert plan_purge(rows, given, Trigger.WINDOW, NOW_MS) == plan_purge(
        shuffled, given, Trigger.WINDOW, NOW_MS
    )


@given(records, windows, st.integers(1, 10))
def test_a_bounded_run_takes_the_oldest_and_accounts_for_the_rest(
    rows: list[Record], given: Windows, bound: int
) -> None:
    """Taken and postponed together are due, and nothing postponed is older than what is taken."""
    whole = plan_purge(rows, given, Trigger.WINDOW, NOW_MS)
    part = plan_purge(rows, given, Trigger.WINDOW, NOW_MS, records_max=bound)
    assert part == trim_plan(whole, bound)
    assert part.delete == whole.delete[:bound]
    for row in part.classes:
        taken = sum(record.data_class is row.data_class for record in part.delete)
        assert row.holds or row.due == taken + row.postponed


@given(records, windows, st.integers(0, 100_000))
def test_what_is_due_stays_due(rows: list[Record], given: Windows, later_ms: int) -> None:
    """Time alone never takes a record out of a plan."""
    now = set(plan_purge(rows, given, Trigger.WINDOW, NOW_MS).delete)
    later = set(plan_purge(rows, given, Trigger.WINDOW, NOW_MS + later_ms).delete)
    assert now <= later


@given(st.binary(max_size=3_000), st.lists(st.binary(min_size=11, max_size=40), max_size=5))
def test_the_scanner_agrees_with_a_plain_search(haystack: bytes, pieces: list[bytes]) -> None:
    """Whatever the bytes, it finds exactly what is there."""
    planted = b"".join(haystack[:7] + piece for piece in pieces[::2]) + haystack
    found: set[int] = set()
    scan_stream(io.BytesIO(planted), Index([(piece,) for piece in pieces]), found)
    assert found == {number for number, piece in enumerate(pieces) if piece in planted}


items = st.lists(
    st.builds(
        Item,
        data_class=classes,
        store=st.sampled_from(["a", "b"]),
        record_id=st.sampled_from(["1", "2", "3"]),
        rows=st.integers(0, 5),
    ),
    max_size=6,
    unique_by=lambda item: (item.store, item.record_id),
)
needles = st.lists(
    st.builds(
        Needle,
        store=st.sampled_from(["a", "b", "keyring"]),
        owner=st.sampled_from(["1", "2", "3"]),
        kind=st.sampled_from(NeedleKind),
        pieces=st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=2).map(tuple),
    ),
    max_size=8,
)


@st.composite
def states(draw: st.DrawFn) -> RunState:
    """Draw the state of a run."""
    drawn = draw(needles)
    found = draw(st.frozensets(st.integers(0, max(len(drawn) - 1, 0)), max_size=8))
    places = (("Database", 3),)
    return RunState(
        now_ms=NOW_MS,
        classes=(ClassPlan(DataClass.TASKS, 60, 5, 3, ("h",), 1),),
        items=tuple(draw(items)),
        keys=("k",),
        needles=tuple(drawn),
        before=Search(frozenset(n for n in found if n < len(drawn)), places, places, places),
    )


@given(states())
def test_a_state_survives_its_encoding(state: RunState) -> None:
    """A run goes on from exactly where it stood."""
    assert parse_state(render_state(state)) == state


@given(states())
def test_no_needle_occurs_in_an_encoded_state(state: RunState) -> None:
    """Even before it is sealed, a state is not what the scanner looks for."""
    raw = render_state(state)
    assert not any(piece in raw for needle in state.needles for piece in needle.pieces)


@settings(max_examples=50)
@given(states(), st.sampled_from(["a", "b"]))
def test_dropping_items_keeps_what_was_seen_of_the_others(state: RunState, store: str) -> None:
    """Needles of the others keep their finding, and the dropped are counted as kept."""
    rest = drop_items(state, lambda item: item.store == store)
    assert state.before is not None
    assert rest.before is not None
    dropped = {(item.store, item.record_id) for item in state.items if item.store == store}
    seen = [
        (needle, number in state.before.found)
        for number, needle in enumerate(state.needles)
        if (needle.store, needle.owner) not in dropped
    ]
    assert [(n, i in rest.before.found) for i, n in enumerate(rest.needles)] == seen
    assert sum(count for _, count in rest.kept) == len(dropped)
