"""Token bucket: examples."""

from __future__ import annotations

from steward_runtime.limits.rate import FULL, MINUTE_NANOSECONDS, Rate, decide_spending

SECOND = 1_000_000_000


def test_lets_a_full_bucket_be_spent_at_once() -> None:
    """All tokens of a minute may be used in one instant, and then none."""
    state, granted = FULL, 0
    for _ in range(10):
        spending = decide_spending(Rate(7), state, 5 * SECOND)
        granted += spending.is_granted
        state = spending.full_at
    assert granted == 7


def test_says_how_long_to_wait_for_the_next_token() -> None:
    """One request per minute: the second must wait for exactly one minute."""
    first = decide_spending(Rate(1), FULL, 100)
    second = decide_spending(Rate(1), first.full_at, 100)
    assert (first.wait_nanoseconds, second.wait_nanoseconds) == (0, MINUTE_NANOSECONDS)
    third = decide_spending(Rate(1), second.full_at, 100 + MINUTE_NANOSECONDS)
    assert third.is_granted


def test_counts_the_tokens_that_are_left() -> None:
    """The remaining tokens go down by one per request and come back with time."""
    first = decide_spending(Rate(60), FULL, 0)
    later = decide_spending(Rate(60), first.full_at, 10 * SECOND)
    assert (first.remaining, later.remaining) == (59, 59)
