"""Lexical ranking: BM25 over the words of one opened scope (pure).

The index lives in memory only. Ranking is exact: every record that shares a word with the query is
scored. Scripts without spaces are cut into pairs of characters, so they can be found as well.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

TERM_SATURATION: Final = 1.2
"""k1 of BM25: the usual value (Robertson and Zaragoza 2009, section 3.4.3)."""
LENGTH_WEIGHT: Final = 0.75
"""b of BM25: the usual value, from the same source."""
PLURAL_LENGTH_MIN: Final = 4
"""Shorter words keep their last `s`: `bus`, `gas`."""

SHORT_WORD_WEIGHT: Final = 0.25
"""What `I`, `my`, `is` count for: in a scope of a few records they look as rare as any word."""

_SHORT_WORD = re.compile(r"[^\W\d_]{1,2}")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def tokenize(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, folded for case and plural."""
    tokens: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _UNSPACED.search(word):
            tokens.extend(word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            tokens.append(_fold_plural(word))
    return tuple(tokens)


def _fold_plural(word: str) -> str:
    if len(word) >= PLURAL_LENGTH_MIN and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


class LexicalIndex:
    """Words of the records of one scope. Adding and removing cost one record, not the scope."""

    def __init__(self) -> None:
        self._records_by_word: dict[str, dict[str, int]] = {}
        self._words_by_record: dict[str, Counter[str]] = {}
        self._lengths: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._places_given = 0
        self._length_total = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, record_id: str, text: str) -> None:
        """Index a record; one that is there already is replaced."""
        self.remove(record_id)
        words = Counter(tokenize(text))
        length = words.total()
        self._words_by_record[record_id] = words
        self._lengths[record_id] = length
        self._length_total += length
        self._places[record_id] = self._places_given
        self._places_given += 1
        for word, count in words.items():
            self._records_by_word.setdefault(word, {})[record_id] = count

    def remove(self, record_id: str) -> None:
        """Forget a record; one that is not there is none."""
        for word in self._words_by_record.pop(record_id, ()):
            records = self._records_by_word[word]
            del records[record_id]
            if not records:
                del self._records_by_word[word]
        self._length_total -= self._lengths.pop(record_id, 0)
        self._places.pop(record_id, None)

    def rank(self, query: str) -> tuple[str, ...]:
        """Return the ids of all records that share a word with `query`, best first.

        Equal scores keep the order in which records were added, newest first.
        """
        scores: dict[str, float] = {}
        for word in dict.fromkeys(tokenize(query)):
            self._add_scores(word, scores)
        return tuple(sorted(scores, key=lambda item: (-scores[item], -self._places[item])))

    def _add_scores(self, word: str, scores: dict[str, float]) -> None:
        records = self._records_by_word.get(word)
        if records is None:
            return
        total = len(self._lengths)
        weight = math.log(1 + (total - len(records) + 0.5) / (len(records) + 0.5))
        if _SHORT_WORD.fullmatch(word) and not _UNSPACED.search(word):
            weight *= SHORT_WORD_WEIGHT
        average = self._length_total / total
        for record_id, count in records.items():
            length_factor = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * self._lengths[record_id] / average
            gain = count * (TERM_SATURATION + 1) / (count + TERM_SATURATION * length_factor)
            scores[record_id] = scores.get(record_id, 0.0) + weight * gain
