"""The steps of a purge run, one function of effect each; their order is in `purge`.

Every step may be repeated after a crash: it reads what is durable, does what is missing, and makes
itself durable in the same transaction as its effect, or after it where the effect is idempotent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final

from steward_api.receipt import Trigger
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import StorageError
from steward_runtime.retention import runs
from steward_runtime.retention.keys import destroy_unused, find_unused, list_all_keys, list_keys
from steward_runtime.retention.needles import (
    KEYRING_STORE,
    Needle,
    WrappedKey,
    build_key_needles,
    build_row_needles,
)
from steward_runtime.retention.plan import (
    PurgePlan,
    Record,
    plan_purge,
    resolve_cutoffs,
    trim_plan,
)
from steward_runtime.retention.runs import PURGE_CLASS, Run, Step
from steward_runtime.retention.scanner import Scanner
from steward_runtime.retention.state import Item, RunState, Search, drop_items, drop_keys
from steward_runtime.retention.stores import PurgeStore, cut_chunks
from steward_runtime.retention.windows import Windows
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

ROWS_MAX: Final = 5_000
"""Rows of one run: at most 100 MB in the scanner while it runs (measured, rows with vectors)."""
CHUNK_ROWS: Final = 500
"""Rows that one transaction freezes or deletes: about 10 ms, so that turns do not wait long."""
READERS_WAIT_SECONDS: Final = 120.0
"""How long a run waits for readers that keep the write-ahead log from being cut."""
READERS_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the steps work with.

    Attributes:
        database: the database.
        keyring: data keys.
        stores: every store of the assistant.
        scanner: searches the bytes.
        windows: returns the newest windows and holds.
        rows_max: rows that one run deletes at most.
    """

    database: Database
    keyring: Keyring
    stores: tuple[PurgeStore, ...]
    scanner: Scanner
    windows: Callable[[], Windows]
    rows_max: int = ROWS_MAX


def resolve(shop: Workshop, run: Run, windows: Windows, now_ms: int) -> PurgePlan:
    """Find what is due, without freezing anything."""
    cutoffs = resolve_cutoffs(windows, run.trigger, now_ms)

    def list_candidates(connection: Connection) -> Iterator[Record]:
        for store in shop.stores:
            cutoff_ms = cutoffs.get(store.data_class)
            if cutoff_ms is not None:
                yield from store.list_records(connection, changed_until_ms=cutoff_ms)

    return shop.database.read_now(
        lambda connection: plan_purge(list_candidates(connection), windows, run.trigger, now_ms)
    )


def freeze(shop: Workshop, run: Run, plan: PurgePlan, windows: Windows, now_ms: int) -> RunState:
    """Freeze what is still due, gather its needles, and make both durable.

    Whether a record is due is asked again in the transaction that freezes it: one that was written
    meanwhile is left alone, and none can be written afterwards.
    """
    frozen: list[Record] = []
    for chunk in cut_chunks(plan.delete, CHUNK_ROWS):
        work = partial(
            _freeze_chunk, shop=shop, run=run, chunk=chunk, windows=windows, now_ms=now_ms
        )
        frozen += shop.database.write_now(work)
    plan = _without_revived(plan, frozen)
    items, plan = shop.database.read_now(lambda c: _gather_items(shop, c, plan))
    state = shop.database.read_now(lambda c: _gather_needles(shop, c, run, plan, items, now_ms))
    postponed = frozenset((r.store, r.record_id) for r in frozen) - frozenset(
        (item.store, item.record_id) for item in items
    )

    def save(connection: Connection) -> None:
        runs.release(connection, postponed)
        runs.save_state(connection, shop.keyring, run.run_id, Step.FROZEN, state)

    shop.database.write_now(save)
    return state


def survey(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Search the bytes before deletion; every needle lies in the database file by now."""
    checkpoint(shop.database)
    return _save(shop, run, Step.SURVEYED, replace(state, before=_search(shop, state)))


def spare_held(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Take out what a hold that came after the plan covers, unless it is gone already."""
    held = {hold.data_class for hold in shop.windows().holds}
    held -= {row.data_class for row in state.classes if row.holds}

    def apply(connection: Connection) -> RunState:
        present = _count_rows(shop, connection, state)
        spared = [
            item
            for item in state.items
            if item.data_class in held and item.record_id in present[item.store]
        ]
        runs.release(connection, [(item.store, item.record_id) for item in spared])
        names = {(item.store, item.record_id) for item in spared}
        rest = drop_items(state, lambda item: (item.store, item.record_id) in names)
        runs.save_state(connection, shop.keyring, run.run_id, Step.DELETING, rest)
        return rest

    return shop.database.write_now(apply)


def delete(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Delete the rows of every record, store by store, and count them as they go."""
    for store in shop.stores:
        for chunk in _cut_by_rows(state.items_of(store.name)):
            shop.database.write_now(partial(_delete_chunk, run=run, store=store, record_ids=chunk))
    return _save(shop, run, Step.DELETED, state)


def compact(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Move everything into the database file and cut the write-ahead log to nothing."""
    checkpoint(shop.database)
    return _save(shop, run, Step.COMPACTED, state)


def verify(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Ask every store what is left of the records."""
    counts = shop.database.read_now(lambda c: _count_rows(shop, c, state))
    left = tuple((store, sum(rows.values())) for store, rows in counts.items())
    return _save(shop, run, Step.VERIFIED, replace(state, rows_left=left))


def destroy_keys(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Destroy the data keys that seal nothing else; one that was taken up again is spared."""
    items = runs.list_ids(state.items)
    spared: list[str] = []
    for chunk in cut_chunks(state.keys, CHUNK_ROWS):
        spared += shop.database.write_now(
            partial(
                destroy_unused,
                keyring=shop.keyring,
                key_ids=chunk,
                stores=shop.stores,
                items=items,
            )
        )
    state = drop_keys(state, KEYRING_STORE, spared)
    kept = shop.database.read_now(lambda c: sum(1 for _ in list_keys(c, state.keys)))
    state = replace(state, keys_destroyed=len(state.keys) - kept)
    return _save(shop, run, Step.KEYS_DESTROYED, state)


def conclude(shop: Workshop, run: Run, state: RunState) -> RunState:
    """Search the bytes after deletion: rows and wrapped keys alike.

    Bytes of rows that are gone may lie in the free space of split pages; then the database is
    written anew and searched again.
    """
    checkpoint(shop.database)
    found = _search(shop, state)
    if found.found - _explained(shop, state):
        shop.database.rewrite_now()
        checkpoint(shop.database)
        found = _search(shop, state)
    return _save(shop, run, Step.CONCLUDED, replace(state, after=found))


def checkpoint(database: Database) -> None:
    """Cut the write-ahead log, waiting for readers that still need it.

    Raises:
        StorageError: if a reader needs it for longer than `READERS_WAIT_SECONDS`.
    """
    deadline = time.monotonic() + READERS_WAIT_SECONDS
    while True:
        try:
            return database.checkpoint_now()
        except StorageError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(READERS_PAUSE_SECONDS)


def _save(shop: Workshop, run: Run, step: Step, state: RunState) -> RunState:
    shop.database.write_now(lambda c: runs.save_state(c, shop.keyring, run.run_id, step, state))
    return state


def _search(shop: Workshop, state: RunState) -> Search:
    if not state.needles:
        return Search(found=frozenset(), files=(), bytes=(), hits=())
    return shop.scanner.search(state.needles)


def _freeze_chunk(
    connection: Connection,
    *,
    shop: Workshop,
    run: Run,
    chunk: Sequence[Record],
    windows: Windows,
    now_ms: int,
) -> tuple[Record, ...]:
    """Freeze those of some records that are still due, and return them."""
    cutoffs = resolve_cutoffs(windows, run.trigger, now_ms)
    fresh = chain.from_iterable(
        store.list_records(
            connection,
            changed_until_ms=cutoffs[store.data_class],
            record_ids=[record.record_id for record in chunk if record.store == store.name],
        )
        for store in shop.stores
        if store.data_class in cutoffs
    )
    still_due = plan_purge(fresh, windows, run.trigger, now_ms).delete
    runs.freeze(connection, run.run_id, [(r.store, r.record_id) for r in still_due])
    return still_due


def _without_revived(plan: PurgePlan, frozen: Sequence[Record]) -> PurgePlan:
    """Return the plan without the records that were written before they could be frozen."""
    still_due = {(record.store, record.record_id) for record in frozen}
    revived = [r for r in plan.delete if (r.store, r.record_id) not in still_due]
    classes = tuple(
        replace(row, due=row.due - sum(r.data_class is row.data_class for r in revived))
        for row in plan.classes
    )
    ordered = tuple(r for r in plan.delete if (r.store, r.record_id) in still_due)
    return PurgePlan(ordered, classes)


def _gather_items(
    shop: Workshop, connection: Connection, plan: PurgePlan
) -> tuple[tuple[Item, ...], PurgePlan]:
    """Return the oldest records whose rows fit one run, and the plan without the others."""
    rows = {
        store.name: store.count_rows(
            connection, [r.record_id for r in plan.delete if r.store == store.name]
        )
        for store in shop.stores
    }
    items: list[Item] = []
    total = 0
    for record in plan.delete:
        count = rows[record.store].get(record.record_id, 0)
        if items and total + count > shop.rows_max:
            break
        items.append(Item(record.data_class, record.store, record.record_id, count))
        total += count
    return tuple(items), trim_plan(plan, len(items))


def _gather_needles(  # noqa: PLR0917 # what was planned, in the order in which it was found
    shop: Workshop,
    connection: Connection,
    run: Run,
    plan: PurgePlan,
    items: tuple[Item, ...],
    now_ms: int,
) -> RunState:
    ids = runs.list_ids(items)
    needles: list[Needle] = []
    key_ids: dict[str, None] = {}
    for store in shop.stores:
        for row in store.list_rows(connection, sorted(ids.get(store.name, ()))):
            needles += build_row_needles(store.name, row)
            key_ids[row.key_id] = None
    candidates: Iterator[WrappedKey] = list_keys(connection, tuple(key_ids))
    if run.trigger is Trigger.ASSISTANT_DELETED:
        candidates = list_all_keys(connection, but_class=PURGE_CLASS)
    keys = find_unused(connection, candidates, shop.stores, ids)
    needles += build_key_needles(keys)
    return RunState(
        now_ms=now_ms,
        classes=plan.classes,
        items=items,
        keys=tuple(key.key_id for key in keys),
        needles=tuple(needles),
    )


def _cut_by_rows(items: Sequence[Item]) -> Iterator[tuple[str, ...]]:
    """Yield record ids in groups of at most `CHUNK_ROWS` rows, or of one record that has more."""
    chunk: list[str] = []
    rows = 0
    for item in items:
        if chunk and rows + item.rows > CHUNK_ROWS:
            yield tuple(chunk)
            chunk, rows = [], 0
        chunk.append(item.record_id)
        rows += item.rows
    if chunk:
        yield tuple(chunk)


def _delete_chunk(
    connection: Connection, *, run: Run, store: PurgeStore, record_ids: Sequence[str]
) -> None:
    before = store.count_rows(connection, record_ids)
    deleted = store.erase(connection, record_ids)
    after = store.count_rows(connection, record_ids)
    runs.count_deletion(connection, run.run_id, store.name, len(before) - len(after), deleted)
    runs.release(connection, [(store.name, record_id) for record_id in record_ids])


def _count_rows(
    shop: Workshop, connection: Connection, state: RunState
) -> dict[str, dict[str, int]]:
    return {
        store.name: store.count_rows(
            connection, [item.record_id for item in state.items_of(store.name)]
        )
        for store in shop.stores
    }


def _explained(shop: Workshop, state: RunState) -> frozenset[int]:
    """Return the needles of rows and keys that are still there, so that a rewrite can't help."""

    def list_present(connection: Connection) -> set[tuple[str, str]]:
        rows = _count_rows(shop, connection, state)
        present = {(store, record_id) for store, ids in rows.items() for record_id in ids}
        present |= {(KEYRING_STORE, key.key_id) for key in list_keys(connection, state.keys)}
        return present

    present = shop.database.read_now(list_present)
    return frozenset(
        number
        for number, needle in enumerate(state.needles)
        if (needle.store, needle.owner) in present
    )
