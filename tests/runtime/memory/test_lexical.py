"""Lexical ranking: words of one scope."""

from __future__ import annotations

import pytest

from steward_runtime.memory.lexical import LexicalIndex, tokenize


def build_index(*texts: str) -> LexicalIndex:
    """Index texts under the ids 0, 1, 2 and so on."""
    index = LexicalIndex()
    for number, text in enumerate(texts):
        index.add(str(number), text)
    return index


def test_a_rare_word_outweighs_frequent_ones() -> None:
    """The record with the one telling word comes first."""
    index = build_index(
        "my order is late and my order is wrong", "my printer is broken", "my order is fine"
    )
    assert index.rank("what is with my printer")[0] == "1"


def test_a_record_without_a_common_word_is_not_found() -> None:
    """Ranking never fills up with what has nothing to do with the query."""
    assert build_index("the printer is broken").rank("holiday plans") == ()


def test_short_words_count_little_in_a_small_scope() -> None:
    """With two records `I` is as rare as `printer`; it must not win."""
    index = build_index("My printer is a Quillmaster 9000", "I like tea")
    assert index.rank("which printer do I have?")[0] == "0"


def test_equal_records_come_newest_first() -> None:
    """Of two equal facts the younger one is likelier to hold."""
    assert build_index("cat", "dog", "cat").rank("cat") == ("2", "0")


def test_plural_and_case_are_folded() -> None:
    """`Orders` finds `order`, but `bus` stays `bus`."""
    assert tokenize("Orders, buses & BUS") == ("order", "buse", "bus")
    assert build_index("an order").rank("my ORDERS") == ("0",)


@pytest.mark.parametrize(
    ("text", "query"),
    [("我喜欢咖啡", "咖啡"), ("コーヒーが好き", "コーヒー"), ("커피를 좋아해요", "커피")],
)
def test_scripts_without_spaces_are_found(text: str, query: str) -> None:
    """A word inside an unbroken sentence is found by its pairs of characters."""
    assert build_index("something else", text).rank(query) == ("1",)


def test_a_removed_record_leaves_no_word_behind() -> None:
    """After removal nothing of the record can be found or counted."""
    index = build_index("secret word", "other word")
    index.remove("0")
    index.remove("0")
    assert index.rank("secret") == ()
    assert index.rank("word") == ("1",)
    assert len(index) == 1


def test_adding_a_record_again_replaces_it() -> None:
    """The last text counts."""
    index = build_index("first")
    index.add("0", "second")
    assert index.rank("first") == ()
    assert index.rank("second") == ("0",)


def test_an_empty_index_and_an_empty_query_find_nothing() -> None:
    """Neither divides by zero."""
    assert LexicalIndex().rank("word") == ()
    assert build_index("", "word").rank("") == ()
