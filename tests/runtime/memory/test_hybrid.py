"""Hybrid ranking: exact cosine and reciprocal rank fusion."""

from __future__ import annotations

import pytest

from steward_runtime.memory.hybrid import (
    Vector,
    build_unit_vector,
    fuse,
    parse_vector,
    rank_by_meaning,
    render_vector,
)


def unit(*values: float) -> Vector:
    """Return a unit vector."""
    vector = build_unit_vector(values)
    assert vector is not None
    return vector


def test_the_nearest_direction_comes_first() -> None:
    """Length does not matter, direction does."""
    vectors = {"far": unit(0, 9), "near": unit(9, 1), "between": unit(1, 1)}
    assert rank_by_meaning(unit(1, 0), vectors) == ("near", "between", "far")


def test_vectors_of_another_dimension_do_not_count() -> None:
    """They come from another model."""
    assert rank_by_meaning(unit(1, 0), {"other": unit(1, 0, 0)}) == ()


@pytest.mark.parametrize("values", [(), (0.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_a_vector_without_direction_is_none(values: tuple[float, ...]) -> None:
    """An embedder's broken answer never becomes a vector."""
    assert build_unit_vector(values) is None


def test_a_vector_survives_its_bytes() -> None:
    """Single precision in, single precision out."""
    vector = unit(0.25, -3.0, 7.5)
    assert parse_vector(render_vector(vector)) == vector


def test_fusion_prefers_what_both_rankings_know() -> None:
    """Second in both beats first in one."""
    assert fuse((("a", "b"), ("c", "b")))[0] == "b"


def test_fusion_of_one_ranking_keeps_its_order() -> None:
    """Without a second opinion nothing changes."""
    assert fuse((("a", "b", "c"), ())) == ("a", "b", "c")
