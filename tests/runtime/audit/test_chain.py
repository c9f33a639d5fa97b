"""The arithmetic of the audit chain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.audit.chain import (
    FIRST_HEAD,
    build_head,
    build_leaf,
    extend_head,
    verify_record,
)

LEAVES = st.lists(st.binary(min_size=32, max_size=32), max_size=6)


def test_a_leaf_verifies_with_its_salt_and_record_only() -> None:
    """Another salt or record does not fit."""
    leaf = build_leaf(b"s" * 16, b"record")
    assert verify_record(leaf, b"s" * 16, b"record")
    assert not verify_record(leaf, b"t" * 16, b"record")
    assert not verify_record(leaf, b"s" * 16, b"other")


@given(LEAVES, LEAVES)
def test_a_chain_can_be_checked_in_parts(first: list[bytes], second: list[bytes]) -> None:
    """The head of the whole is the head of the rest, begun at the head of the first part."""
    assert build_head(first + second) == build_head(second, build_head(first))


@given(LEAVES, st.data())
def test_any_change_of_a_leaf_changes_the_head(leaves: list[bytes], data: st.DataObject) -> None:
    """Nothing can be replaced, left out or swapped without notice."""
    if not leaves:
        assert build_head(leaves) == FIRST_HEAD
        return
    position = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:position], bytes(32), *leaves[position + 1 :]]
    shorter = leaves[:position] + leaves[position + 1 :]
    assert (build_head(changed) == build_head(leaves)) == (leaves[position] == bytes(32))
    assert build_head(shorter) != build_head(leaves)


def test_a_head_is_no_leaf() -> None:
    """Prefixes keep them apart."""
    assert extend_head(b"a" * 32, b"b" * 32) != build_leaf(b"a" * 32, b"b" * 32)
