"""The bucket on a given clock: no more than its rate, and nothing while it is closed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steward_operator.kube.throttle import TokenBucket


def test_a_full_bucket_lets_its_burst_through_at_once() -> None:
    """Nobody waits before the burst is used up."""
    bucket = TokenBucket(per_second=10, burst=3, tokens=3)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(0.0) > 0


def test_a_closed_bucket_lets_nobody_through() -> None:
    """What a server asked of one request holds for all."""
    bucket = TokenBucket(per_second=10, burst=3, tokens=3)
    bucket.close(now=5.0, seconds=2.0)
    bucket.close(now=5.0, seconds=1.0)
    assert bucket.take(5.5) == 1.5
    assert bucket.take(7.5) == 0.0


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_never_more_than_burst_and_rate(pauses: list[float]) -> None:
    """In any span of time at most burst + rate * span requests get their turn."""
    bucket = TokenBucket(per_second=5, burst=4, tokens=4)
    now, turns = 0.0, []
    for pause in pauses:
        now += pause
        turns.append(now + bucket.take(now))
    for index, start in enumerate(turns):
        inside = sum(start <= turn <= start + 1.0 for turn in turns[index:])
        assert inside <= 4 + 5 + 1
