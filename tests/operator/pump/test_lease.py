"""The election on given clocks: never two leaders, and never none for long."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from steward_operator.pump.lease import (
    DURATION_SECONDS,
    MARGIN_SECONDS,
    RENEW_SECONDS,
    Election,
    Sighting,
    Step,
)


@dataclass
class Store:
    """A Lease in an API server: each write makes it new."""

    lease: Sighting | None = None
    writes: int = 0

    def write(self, holder: str) -> Sighting:
        """Store a holder with a time that was never there before."""
        self.writes += 1
        self.lease = Sighting(holder, f"time-{self.writes}")
        return self.lease


def act(election: Election, store: Store, now: float) -> Step:
    """One round of a replica: read, decide, write."""
    election.observe(store.lease, now)
    step = election.decide(now)
    if step is Step.WAIT:
        election.note_lost()
    else:
        election.note_held(store.write(election.identity), now)
    return step


def test_takes_a_lease_that_is_not_there_and_renews_its_own() -> None:
    """Create once, then renew."""
    election, store = Election("a"), Store()
    assert act(election, store, 0.0) is Step.CREATE
    assert act(election, store, RENEW_SECONDS) is Step.RENEW
    assert election.is_leader(RENEW_SECONDS + DURATION_SECONDS - MARGIN_SECONDS - 0.1)
    assert not election.is_leader(RENEW_SECONDS + DURATION_SECONDS - MARGIN_SECONDS)


def test_waits_for_the_whole_duration_by_its_own_clock() -> None:
    """The time in the Lease is never read: only that it stays the same counts."""
    store = Store(Sighting("b", "1999-01-01"))
    election = Election("a")
    assert act(election, store, 100.0) is Step.WAIT
    assert act(election, store, 100.0 + DURATION_SECONDS - 0.1) is Step.WAIT
    assert act(election, store, 100.0 + DURATION_SECONDS) is Step.TAKE
    assert election.is_leader(100.0 + DURATION_SECONDS)


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    """A clean stop costs nobody the wait."""
    election = Election("a")
    assert act(election, Store(Sighting("", "t")), 5.0) is Step.TAKE


def test_a_replica_that_slept_knows_that_it_does_not_lead() -> None:
    """Its own clock says so before it has read anything."""
    sleeper, other, store = Election("a"), Election("b"), Store()
    act(sleeper, store, 0.0)
    act(other, store, 1.0)
    assert not sleeper.is_leader(60.0)
    assert act(other, store, 60.0) is Step.TAKE
    assert act(sleeper, store, 60.1) is Step.WAIT


rounds = st.lists(st.tuples(st.integers(0, 2), st.floats(0.01, 12.0)), min_size=1, max_size=80)


@given(rounds, st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_never_two_leaders_whatever_the_pace_and_the_clocks(
    rounds: list[tuple[int, float]], offsets: list[float]
) -> None:
    """Three replicas with clocks of their own act at any time, or sleep; one leads at most."""
    replicas = [Election(name) for name in "abc"]
    store, now = Store(), 0.0
    for index, pause in rounds:
        now += pause
        act(replicas[index], store, now + offsets[index])
        leaders = [
            replica.identity
            for replica, offset in zip(replicas, offsets, strict=True)
            if replica.is_leader(now + offset)
        ]
        assert len(leaders) <= 1, leaders


@given(st.floats(0, 1e6))
def test_a_dead_leader_is_replaced_within_its_duration_and_one_look(start: float) -> None:
    """Nobody has to help."""
    dead, heir, store = Election("a"), Election("b"), Store()
    act(dead, store, start)
    now = start
    while not heir.is_leader(now):
        act(heir, store, now)
        if heir.is_leader(now):
            break
        now += 2.0
        assert now - start <= DURATION_SECONDS + 2.0 + 1.0
