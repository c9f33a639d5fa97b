"""Hybrid ranking: exact cosine over the vectors of one scope, fused with words (pure).

Vectors are unit vectors, so their cosine is a plain product. Fusion is reciprocal rank fusion
(Cormack, Clarke and Büttcher 2009): it needs no common scale between words and meanings.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import mul
from typing import Final, TypeAlias, cast

RANK_OFFSET: Final = 60
"""The constant of reciprocal rank fusion; 60 in the paper."""
FUSED_DEPTH: Final = 128
"""Places of one ranking that count: twice the records that a segment may recall at most."""

Vector: TypeAlias = "array[float]"
"""Single-precision floats: 4 bytes each, as they are sealed into the row."""
_Product: TypeAlias = Callable[[Iterable[float], Iterable[float]], float]


def _plain_product(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(map(mul, left, right), 0.0)


product: Final = cast("_Product", getattr(math, "sumprod", _plain_product))
"""Sum of products; `math.sumprod` (Python 3.12) is about ten times faster."""


def build_unit_vector(values: Sequence[float]) -> Vector | None:
    """Scale a vector to length 1; None where it is empty, all zero or not finite."""
    length = math.sqrt(sum(value * value for value in values))
    if not math.isfinite(length) or length == 0.0:
        return None
    return array("f", (value / length for value in values))


def render_vector(vector: Vector) -> bytes:
    """Return the bytes of a vector as they are sealed."""
    return vector.tobytes()


def parse_vector(raw: bytes) -> Vector:
    """Read what `render_vector` wrote.

    Raises:
        ValueError: if the bytes are no whole number of floats.
    """
    vector = array("f")
    vector.frombytes(raw)
    return vector


def rank_by_meaning(query: Vector, vectors: Mapping[str, Vector]) -> tuple[str, ...]:
    """Return the ids of the nearest vectors by cosine, nearest first; other dimensions are left.

    Exact: every vector of the scope is compared, and the best `FUSED_DEPTH` are returned.
    """
    values = list(query)
    scores = {
        record_id: product(values, vector)
        for record_id, vector in vectors.items()
        if len(vector) == len(values)
    }
    return tuple(sorted(scores, key=lambda item: -scores[item])[:FUSED_DEPTH])


def fuse(rankings: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Join rankings of record ids by reciprocal rank, best first.

    Equal scores keep the order of first appearance, so the first ranking wins a tie.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, record_id in enumerate(ranking[:FUSED_DEPTH], start=1):
            scores[record_id] = scores.get(record_id, 0.0) + 1.0 / (RANK_OFFSET + place)
    return tuple(sorted(scores, key=lambda item: -scores[item]))
