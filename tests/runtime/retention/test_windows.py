"""Windows: the arithmetic of retention."""

from __future__ import annotations

import pytest

from steward_core import build_blueprint
from steward_runtime.labels import DataClass
from steward_runtime.retention.windows import (
    Hold,
    Windows,
    check_due,
    parse_windows,
    resolve_horizons,
)


@pytest.mark.parametrize(("age_ms", "is_due"), [(59_999, False), (60_000, True), (60_001, True)])
def test_a_record_is_due_at_the_very_end_of_its_window(age_ms: int, *, is_due: bool) -> None:
    """Not a millisecond before, and from then on."""
    assert check_due(1_000_000, 60, 1_000_000 + age_ms) is is_due


def test_a_blueprint_gives_one_window_per_class() -> None:
    """Each class has its own seconds."""
    windows = parse_windows(build_blueprint().retention)
    assert dict(windows.keep_seconds) == dict.fromkeys(DataClass, 3_600)
    assert windows.policy == "short"


def test_a_backup_is_clean_one_window_after_deletion() -> None:
    """The copy made just before deletion is the last that holds the data."""
    windows = Windows("p", "d", {}, backup_seconds={"weekly": 604_800, "daily": 86_400})
    assert [(h.name, h.gone_after_ms) for h in resolve_horizons(windows, 1_000)] == [
        ("daily", 86_401_000),
        ("weekly", 604_801_000),
    ]


def test_holds_are_listed_by_class() -> None:
    """A hold on one class says nothing about another."""
    windows = Windows("p", "d", {}, holds=(Hold("court", DataClass.TASKS),))
    assert windows.holds_on(DataClass.TASKS) == ("court",)
    assert windows.holds_on(DataClass.MEMORY) == ()
