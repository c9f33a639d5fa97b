"""Opened scopes: the decrypted records of one subject and segment, in a bounded cache.

Opening a scope costs a decryption and a count of words per record, so the most recently used ones
stay open. Writes change an open scope in place; a purge closes all. Nothing here reaches a disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from steward_runtime.memory.hybrid import Vector, fuse, rank_by_meaning
from steward_runtime.memory.lexical import LexicalIndex
from steward_runtime.turn.messages import Recalled

ScopeKey: TypeAlias = tuple[str, str]
"""Pseudonym of the subject, name of the segment."""

CACHED_CHARACTERS_MAX: Final = 4_000_000
"""Characters of text in open scopes together; with words and vectors about 10 bytes for each."""
VECTOR_CHARACTERS: Final = 400
"""What one vector of 384 floats counts as: its 1.5 KiB at 4 bytes a character."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One record as it lies in an open scope.

    Attributes:
        record: text, label and time.
        model_digest: model that made the vector, or None.
        vector: unit vector of the text, or None.
    """

    record: Recalled
    model_digest: str | None = None
    vector: Vector | None = None

    @property
    def weight(self) -> int:
        """Characters that the record counts for in the cache."""
        return len(self.record.text) + (0 if self.vector is None else VECTOR_CHARACTERS)


class Scope:
    """The open records of one subject and segment, oldest first."""

    def __init__(self, records: Iterable[Opened] = ()) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Opened] = {}
        self._words = LexicalIndex()
        self.weight = 0
        for opened in records:
            self._add(opened)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, opened: Opened) -> None:
        """Add a record; one that is there already is left as it is."""
        with self._lock:
            self._add(opened)

    def remove(self, record_id: str) -> None:
        """Forget a record; one that is not there is none."""
        with self._lock:
            opened = self._records.pop(record_id, None)
            if opened is not None:
                self._words.remove(record_id)
                self.weight -= opened.weight

    def rank(
        self, query: str, *, vector: Vector | None = None, model_digest: str | None = None
    ) -> tuple[Recalled, ...]:
        """Return records for a query, best first.

        By words alone without `vector`; else by words and by meaning, where vectors of another
        model than `model_digest` do not count.
        """
        with self._lock:
            ranking = self._words.rank(query)
            if vector is not None:
                same_model = {
                    record_id: opened.vector
                    for record_id, opened in self._records.items()
                    if opened.vector is not None and opened.model_digest == model_digest
                }
                ranking = fuse((ranking, rank_by_meaning(vector, same_model)))
            return tuple(self._records[record_id].record for record_id in ranking)

    def list_records(self) -> tuple[Recalled, ...]:
        """Return all records, oldest first."""
        with self._lock:
            return tuple(opened.record for opened in self._records.values())

    def _add(self, opened: Opened) -> None:
        record_id = opened.record.record_id
        if record_id not in self._records:
            self._records[record_id] = opened
            self._words.add(record_id, opened.record.text)
            self.weight += opened.weight


class ScopeCache:
    """The most recently used open scopes, bounded by characters. Safe between threads."""

    def __init__(self, characters_max: int = CACHED_CHARACTERS_MAX) -> None:
        self._characters_max = characters_max
        self._lock = threading.Lock()
        self._scopes: OrderedDict[ScopeKey, Scope] = OrderedDict()
        self._changes = 0

    def find(self, key: ScopeKey) -> Scope | None:
        """Return an open scope, if it is open."""
        with self._lock:
            scope = self._scopes.get(key)
            if scope is not None:
                self._scopes.move_to_end(key)
            return scope

    def begin(self) -> int:
        """Return a mark to hand to `keep`: what changes from now on is noticed."""
        with self._lock:
            return self._changes

    def keep(self, key: ScopeKey, scope: Scope, mark: int) -> None:
        """Keep a scope that was opened since `mark`, unless something has changed meanwhile."""
        with self._lock:
            if mark != self._changes or scope.weight > self._characters_max:
                return
            self._scopes[key] = scope
            self._shrink()

    def apply(self, key: ScopeKey, change: Callable[[Scope], None]) -> None:
        """Change a scope after a commit, if it is open."""
        with self._lock:
            self._changes += 1
            scope = self._scopes.get(key)
            if scope is not None:
                change(scope)
                self._shrink()

    def clear(self) -> None:
        """Close every scope, for example because records were purged."""
        with self._lock:
            self._changes += 1
            self._scopes.clear()

    def _shrink(self) -> None:
        total = sum(scope.weight for scope in self._scopes.values())
        while total > self._characters_max and self._scopes:
            _, scope = self._scopes.popitem(last=False)
            total -= scope.weight
