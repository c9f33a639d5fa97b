"""Opened scopes and their cache."""

from __future__ import annotations

from steward_memory import SAID_BY_USER
from steward_runtime.memory.hybrid import build_unit_vector
from steward_runtime.memory.scope import Opened, Scope, ScopeCache
from steward_runtime.turn.messages import Recalled


def opened(number: int, text: str, digest: str | None = None) -> Opened:
    """Return an opened record, with a vector that points to its number if `digest` is given."""
    record = Recalled(f"mem_{number}", "notes", text, SAID_BY_USER, number)
    vector = build_unit_vector([float(number == place) for place in range(4)]) if digest else None
    return Opened(record, digest, vector)


def test_words_and_meanings_are_fused() -> None:
    """A record without a common word is found by its vector."""
    scope = Scope([opened(1, "printer", "m"), opened(2, "holiday", "m")])
    vector = build_unit_vector([0.0, 0.0, 1.0, 0.0])
    found = scope.rank("journey", vector=vector, model_digest="m")
    assert [record.text for record in found] == ["holiday", "printer"]


def test_vectors_of_another_model_do_not_count() -> None:
    """After a change of the embedder words alone decide, until records are written anew."""
    scope = Scope([opened(1, "printer", "old")])
    assert scope.rank("journey", vector=build_unit_vector([0, 1, 0, 0]), model_digest="new") == ()


def test_the_cache_drops_the_least_recently_used_scope() -> None:
    """Characters of open scopes stay within the bound."""
    cache = ScopeCache(characters_max=10)
    for name in ("a", "b"):
        cache.keep(("s", name), Scope([opened(1, "12345")]), cache.begin())
    assert cache.find(("s", "a")) is not None
    cache.keep(("s", "c"), Scope([opened(1, "12345")]), cache.begin())
    assert cache.find(("s", "b")) is None
    assert cache.find(("s", "a")) is not None


def test_a_scope_that_is_larger_than_the_cache_is_not_kept() -> None:
    """It is opened anew each time instead of pushing out all others."""
    cache = ScopeCache(characters_max=10)
    cache.keep(("s", "a"), Scope([opened(1, "12345678901")]), cache.begin())
    assert cache.find(("s", "a")) is None


def test_a_scope_opened_before_a_change_is_not_kept() -> None:
    """A read that began before a commit must not hide what the commit wrote."""
    cache = ScopeCache()
    mark = cache.begin()
    cache.apply(("s", "a"), lambda scope: scope.remove("mem_1"))
    cache.keep(("s", "a"), Scope([opened(1, "gone")]), mark)
    assert cache.find(("s", "a")) is None


def test_a_change_reaches_an_open_scope_once() -> None:
    """A record that the read saw already is not counted twice."""
    cache = ScopeCache()
    cache.keep(("s", "a"), Scope([opened(1, "word")]), cache.begin())
    cache.apply(("s", "a"), lambda scope: scope.add(opened(1, "word")))
    scope = cache.find(("s", "a"))
    assert scope is not None
    assert len(scope) == 1
    assert scope.weight == 4


def test_clearing_closes_every_scope() -> None:
    """After a purge nothing that was opened before is found."""
    cache = ScopeCache()
    cache.keep(("s", "a"), Scope([opened(1, "word")]), cache.begin())
    cache.clear()
    assert cache.find(("s", "a")) is None
