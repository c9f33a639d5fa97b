"""What must be edited before an apply can take a field away."""

from __future__ import annotations

from typing import Any

from steward_operator.apply.edits import build_edits
from steward_operator.apply.marking import digest_wish, mark_wish, read_mark
from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest


def build_observed(*entries: tuple[str, str], **fields: Any) -> Manifest:
    """An observed object with managedFields of (manager, operation)."""
    managed = [{"manager": manager, "operation": operation} for manager, operation in entries]
    return {"metadata": {"name": "a", "managedFields": managed}, **fields}


def test_a_child_that_we_posted_becomes_ours_by_apply() -> None:
    """Otherwise the fields of the POST would never go."""
    observed = build_observed(("kubelet", "Update"), (FIELD_MANAGER, "Update"))
    (edit,) = build_edits({"metadata": {}}, observed, is_new_wish=True)
    assert edit == {
        "op": "replace",
        "path": "/metadata/managedFields/1/operation",
        "value": "Apply",
    }


def test_a_hand_edit_needs_no_such_thing() -> None:
    """The wish is the same, so nothing has to go."""
    observed = build_observed((FIELD_MANAGER, "Update"))
    assert build_edits({"metadata": {}}, observed, is_new_wish=False) == []


def test_what_our_edits_own_beside_an_apply_is_dropped() -> None:
    """Two entries of ours cannot both be the apply; others' entries stay."""
    observed = build_observed(
        (FIELD_MANAGER, "Apply"), (FIELD_MANAGER, "Update"), ("somebody", "Update")
    )
    edits = build_edits({"metadata": {}}, observed, is_new_wish=True)
    assert edits == [{"op": "remove", "path": "/metadata/managedFields/1"}]


def test_our_status_entry_is_left_alone() -> None:
    """A subresource is another matter."""
    observed = build_observed((FIELD_MANAGER, "Update"))
    observed["metadata"]["managedFields"][0]["subresource"] = "status"
    assert build_edits({"metadata": {}}, observed, is_new_wish=True) == []


def test_keys_that_somebody_added_to_our_data_go() -> None:
    """Names are escaped as JSON Pointers; wanted keys stay."""
    observed = build_observed(data={"a": "1", "b/c~d": "2"})
    edits = build_edits({"metadata": {}, "data": {"a": "0"}}, observed, is_new_wish=False)
    assert edits == [{"op": "remove", "path": "/data/b~1c~0d"}]


def test_the_mark_changes_with_the_wish_and_is_read_back() -> None:
    """Annotations of the wish are kept, and the wish itself is not touched."""
    wish: Manifest = {"metadata": {"name": "a", "annotations": {"x": "y"}}, "spec": {"b": 1}}
    marked = mark_wish(wish, digest_wish(wish))
    assert read_mark(marked) == digest_wish(wish)
    assert marked["metadata"]["annotations"]["x"] == "y"
    assert read_mark(wish) == ""
    assert digest_wish({**wish, "spec": {"b": 2}}) != digest_wish(wish)
