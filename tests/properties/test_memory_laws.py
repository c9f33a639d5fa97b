"""Laws of memory: ranking, fusion and budgets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from steward_memory import SAID_BY_USER, build_segment
from steward_runtime.memory.hybrid import build_unit_vector, fuse, product, rank_by_meaning
from steward_runtime.memory.lexical import LexicalIndex, tokenize
from steward_runtime.memory.segments import take_within_budget
from steward_runtime.turn.messages import Recalled

words = st.sampled_from(["cat", "dog", "tea", "printer", "order", "a", "is", "咖啡"])
texts = st.lists(words, max_size=6).map(" ".join)


def build_index(records: dict[str, str]) -> LexicalIndex:
    """Index records in their order."""
    index = LexicalIndex()
    for record_id, text in records.items():
        index.add(record_id, text)
    return index


@given(st.dictionaries(st.text("0123456789", min_size=1, max_size=3), texts), texts)
def test_exactly_the_records_that_share_a_word_are_found(
    records: dict[str, str], query: str
) -> None:
    """Recall is 1.0 by construction: nothing is missed, nothing is made up."""
    wanted = {key for key, text in records.items() if set(tokenize(text)) & set(tokenize(query))}
    found = build_index(records).rank(query)
    assert set(found) == wanted
    assert len(found) == len(wanted)


@given(
    st.dictionaries(st.text("0123456789", min_size=1, max_size=3), texts, min_size=1),
    texts,
    texts,
)
def test_removing_a_record_is_as_if_it_had_never_been(
    records: dict[str, str], gone: str, query: str
) -> None:
    """No count of a removed record weighs on later rankings."""
    index = build_index({"gone": gone, **records})
    index.remove("gone")
    assert index.rank(query) == build_index(records).rank(query)


@given(st.lists(st.permutations(["a", "b", "c", "d"]), min_size=1, max_size=3))
def test_fusion_ranks_each_record_once_and_respects_agreement(rankings: list[list[str]]) -> None:
    """A record that is above another in every ranking stays above it."""
    fused = fuse(rankings)
    assert sorted(fused) == ["a", "b", "c", "d"]
    for one in fused:
        for other in fused:
            if all(ranking.index(one) < ranking.index(other) for ranking in rankings):
                assert fused.index(one) < fused.index(other)


vectors = st.lists(st.integers(-50, 50), min_size=3, max_size=3)


@given(vectors, st.lists(vectors, max_size=12))
def test_search_by_meaning_is_exact(query: list[int], others: list[list[int]]) -> None:
    """The order is that of all cosines, computed one by one."""
    unit = build_unit_vector([float(value) for value in query])
    made = {
        str(number): vector
        for number, values in enumerate(others)
        if (vector := build_unit_vector([float(value) for value in values])) is not None
    }
    if unit is None:
        return
    found = rank_by_meaning(unit, made)
    scores = [product(unit, made[record_id]) for record_id in found]
    assert sorted(found) == sorted(made)
    assert all(first >= second - 1e-6 for first, second in pairwise(scores))


@given(st.lists(st.text(max_size=12), max_size=12), st.integers(0, 6), st.integers(0, 30))
def test_a_budget_is_never_exceeded(texts: list[str], records: int, characters: int) -> None:
    """Records come in order, whole, and within both bounds."""
    segment = build_segment(recall_records=records, recall_characters=characters)
    ranked = [
        Recalled(str(number), "notes", text, SAID_BY_USER, 0) for number, text in enumerate(texts)
    ]
    taken = take_within_budget(ranked, segment)
    assert len(taken) <= records
    assert sum(len(record.text) for record in taken) <= characters
    assert [ranked.index(record) for record in taken] == sorted(ranked.index(r) for r in taken)
