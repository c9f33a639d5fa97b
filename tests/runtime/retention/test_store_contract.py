"""What every store must do: list, erase and verify by record and by subject.

A new store joins by one line in `SEEDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from steward_purge import (
    PurgeBench,
    Seeded,
    open_bench,
    seed_audit,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.retention.keys import find_unused, list_keys
from steward_runtime.retention.needles import SealedRow
from steward_runtime.retention.plan import Record
from steward_runtime.retention.stores import PurgeStore, build_stores

Seed = Callable[..., Seeded]
SEEDS: dict[str, Seed] = {
    "conversations": seed_conversation,
    "tasks": seed_task,
    "memory": seed_memory,
    "audit-detail": seed_audit,
}
T1, T2 = 1_000_000, 2_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path) as made:
        yield made


@pytest.fixture(params=sorted(SEEDS))
def name(request: pytest.FixtureRequest) -> str:
    """Name each store in turn."""
    return str(request.param)


@pytest.fixture
def store(name: str) -> PurgeStore:
    """Return the store."""
    return {each.name: each for each in build_stores()}[name]


@pytest.fixture
def seed(name: str, bench: PurgeBench) -> Callable[..., str]:
    """Return what writes one record at a time and returns its id."""

    def write(at_ms: int, **choice: str) -> str:
        return SEEDS[name](bench.database, bench.keyring, at_ms, **choice).record_id

    return write


def list_ids(bench: PurgeBench, store: PurgeStore, until_ms: int, **choice: object) -> set[str]:
    """Return the ids that a store lists."""
    found: list[Record] = bench.database.read_now(
        lambda c: list(store.list_records(c, changed_until_ms=until_ms, **choice))  # type: ignore[arg-type] # one of two named choices
    )
    return {record.record_id for record in found}


def list_rows(bench: PurgeBench, store: PurgeStore, record_id: str) -> list[SealedRow]:
    """Return the sealed rows of a record."""
    return bench.database.read_now(lambda c: list(store.list_rows(c, [record_id])))


def test_every_store_is_under_contract() -> None:
    """A store without seed would escape this suite."""
    assert {store.name for store in build_stores()} == set(SEEDS)


def test_lists_records_up_to_a_time(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """The bound is inclusive."""
    old, new = seed(T1), seed(T2)
    assert list_ids(bench, store, T1 - 1) == set()
    assert list_ids(bench, store, T1) == {old}
    assert list_ids(bench, store, T2) == {old, new}


def test_lists_records_of_a_subject(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Another subject's records are not among them."""
    hers, his = seed(T1, subject="ada"), seed(T1, subject="bob")
    assert list_ids(bench, store, T1, subject="ada") == {hers}
    assert list_ids(bench, store, T1, subject="bob") == {his}


def test_lists_records_by_id(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Only those that are there and old enough."""
    old, new = seed(T1), seed(T2)
    ids = [old, new, "0"]
    assert list_ids(bench, store, T1, record_ids=ids) == {old}
    assert list_ids(bench, store, T2, record_ids=[new]) == {new}
    assert list_ids(bench, store, T2, record_ids=[]) == set()


def test_a_record_says_when_it_last_changed(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Windows count from there."""
    seed(T1)
    (record,) = bench.database.read_now(lambda c: list(store.list_records(c, changed_until_ms=T2)))
    assert record.changed_at_ms == T1
    assert record.data_class is store.data_class
    assert record.store == store.name
    assert not record.is_in_use


def test_rows_have_distinct_locators_and_a_live_key(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """That is what the scanner and the keyring work with."""
    rows = list_rows(bench, store, seed(T1))
    assert rows
    assert len({row.locator for row in rows}) == len(rows)
    assert all(len(row.locator) == 16 and row.sealed for row in rows)
    keys = bench.database.read_now(lambda c: list(list_keys(c, [row.key_id for row in rows])))
    assert {key.key_id for key in keys} == {row.key_id for row in rows}
    assert all(store.owns_key(key) for key in keys)


def test_every_sealed_byte_is_in_the_files_before_and_none_after(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Erasing and a checkpoint leave no ciphertext, nonce or locator."""
    record_id = seed(T1)
    rows = list_rows(bench, store, record_id)
    values = [row.locator for row in rows]
    values += [value for row in rows for pair in row.sealed for value in pair]
    values = [value[:64] for value in values]
    assert bench.find_bytes(*values) >= len(values)
    bench.database.write_now(lambda c: store.erase(c, [record_id]))
    assert bench.find_bytes(*values) == 0


def test_erases_all_rows_of_a_record_and_none_of_another(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Counts say how many there were, and nothing is left to verify."""
    gone, kept = seed(T1), seed(T1)
    before = bench.database.read_now(lambda c: store.count_rows(c, [gone, kept]))
    deleted = bench.database.write_now(lambda c: store.erase(c, [gone]))
    after = bench.database.read_now(lambda c: store.count_rows(c, [gone, kept]))
    assert deleted == before[gone] > 0
    assert after == {kept: before[kept]}
    assert list_rows(bench, store, gone) == []


def test_erasing_again_deletes_nothing(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """A step that is repeated after a crash does not count twice."""
    record_id = seed(T1)
    bench.database.write_now(lambda c: store.erase(c, [record_id]))
    assert bench.database.write_now(lambda c: store.erase(c, [record_id])) == 0


def test_a_key_is_needed_until_its_last_record_goes(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """Records that go with the key do not hold it."""
    record_id = seed(T1)
    key_ids = [row.key_id for row in list_rows(bench, store, record_id)]
    (key,) = bench.database.read_now(lambda c: list(list_keys(c, key_ids)))
    going = {store.name: frozenset({record_id})}
    assert bench.database.read_now(lambda c: find_unused(c, [key], [store], {})) == ()
    assert bench.database.read_now(lambda c: find_unused(c, [key], [store], going)) == (key,)
    bench.database.write_now(lambda c: store.erase(c, [record_id]))
    assert bench.database.read_now(lambda c: find_unused(c, [key], [store], {})) == (key,)


def test_many_records_at_once(
    bench: PurgeBench, store: PurgeStore, seed: Callable[..., str]
) -> None:
    """More ids than one statement takes parameters."""
    ids = [seed(T1) for _ in range(3)] + [str(10_000_000 + number) for number in range(1_100)]
    assert list_ids(bench, store, T1, record_ids=ids) == set(ids[:3])
    assert len(bench.database.read_now(lambda c: store.count_rows(c, ids))) == 3
    bench.database.write_now(lambda c: store.erase(c, ids))
    assert list_ids(bench, store, T1) == set()


def test_work_in_progress_is_in_use(bench: PurgeBench) -> None:
    """A task that has not ended, and its conversation, are still changing."""
    conversation = seed_conversation(bench.database, bench.keyring, T1)
    task = seed_task(
        bench.database,
        bench.keyring,
        T1,
        conversation_id=conversation.record_id,
        is_ended=False,
    )
    wanted = {"conversations": conversation.record_id, "tasks": task.record_id}
    records = bench.database.read_now(
        lambda c: [r for s in build_stores() for r in s.list_records(c, changed_until_ms=T2)]
    )
    assert {record.store: record.record_id for record in records if record.is_in_use} == wanted


@pytest.mark.parametrize("deadline_at_ms", [T1, T2 + 5])
def test_without_a_runtime_work_is_in_progress_until_its_deadline(
    bench: PurgeBench, deadline_at_ms: int
) -> None:
    """Nobody will end what a suspended assistant has left, so its window must not wait for ever."""
    conversation = seed_conversation(bench.database, bench.keyring, T1)
    task = seed_task(
        bench.database,
        bench.keyring,
        T1,
        conversation_id=conversation.record_id,
        is_ended=False,
        deadline_at_ms=deadline_at_ms,
    )
    done = seed_task(bench.database, bench.keyring, T2)
    found = bench.database.read_now(
        lambda c: [
            (record.record_id, record.changed_at_ms, record.is_in_use)
            for store in build_stores(is_serving=False)
            for record in store.list_records(c, changed_until_ms=T2 + 5)
        ]
    )
    assert sorted(found) == sorted(
        [
            (conversation.record_id, deadline_at_ms, False),
            (task.record_id, deadline_at_ms, False),
            (done.record_id, T2, False),
        ]
    )


def test_records_of_memory_share_a_key(bench: PurgeBench) -> None:
    """One record's going does not take the other's key."""
    first = seed_memory(bench.database, bench.keyring, T1)
    seed_memory(bench.database, bench.keyring, T1)
    store = {each.name: each for each in build_stores()}["memory"]
    key_ids = [row.key_id for row in list_rows(bench, store, first.record_id)]
    (key,) = bench.database.read_now(lambda c: list(list_keys(c, key_ids)))
    going = {"memory": frozenset({first.record_id})}
    assert bench.database.read_now(lambda c: find_unused(c, [key], [store], going)) == ()


def test_details_of_one_task_share_a_key(bench: PurgeBench) -> None:
    """The key goes with the last of them."""
    first = seed_audit(bench.database, bench.keyring, T1, task_id="task_1")
    seed_audit(bench.database, bench.keyring, T2, task_id="task_1")
    store = {each.name: each for each in build_stores()}["audit-detail"]
    key_ids = [row.key_id for row in list_rows(bench, store, first.record_id)]
    (key,) = bench.database.read_now(lambda c: list(list_keys(c, key_ids)))
    going = {"audit-detail": frozenset({first.record_id})}
    assert bench.database.read_now(lambda c: find_unused(c, [key], [store], going)) == ()
