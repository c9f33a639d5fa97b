"""The edit of our finalizer beside those of others."""

from __future__ import annotations

import pytest

from steward_operator import names
from steward_operator.apply.finalizers import build_edits
from steward_operator.plan.world import FinalizerEdit

OURS = names.ERASURE_FINALIZER


@pytest.mark.parametrize(
    ("present", "edit", "expected"),
    [
        (
            (),
            FinalizerEdit.ADD,
            [{"op": "add", "path": "/metadata/finalizers", "value": [OURS]}],
        ),
        (
            ("a.example/b",),
            FinalizerEdit.ADD,
            [{"op": "add", "path": "/metadata/finalizers/-", "value": OURS}],
        ),
        (
            ("a.example/b", OURS),
            FinalizerEdit.REMOVE,
            [
                {"op": "test", "path": "/metadata/finalizers/1", "value": OURS},
                {"op": "remove", "path": "/metadata/finalizers/1"},
            ],
        ),
    ],
)
def test_touches_our_own_finalizer_alone(
    present: tuple[str, ...], edit: FinalizerEdit, expected: list[dict[str, object]]
) -> None:
    """The finalizers of others keep their place."""
    assert build_edits(present, edit) == expected
