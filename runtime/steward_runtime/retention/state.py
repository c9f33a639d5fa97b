"""The state of one purge run: everything that it needs to go on after a crash (pure).

Sealed into the run's row under a key of its own, because it holds the very bytes that must not be
found afterwards. What becomes of it at each step is a function here; the steps are in `purge`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from steward_api.receipt import NeedleKind, PlaceScan
from steward_api.v1alpha1.retention_policy import DataClass
from steward_runtime.retention.needles import Needle
from steward_runtime.retention.plan import ClassPlan

STATE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One record that the run deletes; `rows` is how many rows it had when it was frozen."""

    data_class: DataClass
    store: str
    record_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class Search:
    """What one scan saw.

    Attributes:
        found: numbers of the needles that were seen at least once.
        files: files searched, by place.
        bytes: bytes searched, by place.
        hits: occurrences of pieces, by place.
        unreadable: files that could not be searched.
    """

    found: frozenset[int]
    files: tuple[tuple[str, int], ...]
    bytes: tuple[tuple[str, int], ...]
    hits: tuple[tuple[str, int], ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class RunState:
    """Where one run stands.

    Attributes:
        now_ms: the time that windows were measured to.
        classes: account of each class.
        items: records to delete.
        keys: data keys that nothing else uses.
        needles: byte strings to search for.
        before: scan before deletion.
        after: last scan after deletion.
        kept: records that a later hold saved, by class.
        rows_left: rows still there after deletion, by store.
        keys_destroyed: data keys that are gone.
    """

    now_ms: int
    classes: tuple[ClassPlan, ...]
    items: tuple[Item, ...] = ()
    keys: tuple[str, ...] = ()
    needles: tuple[Needle, ...] = ()
    before: Search | None = None
    after: Search | None = None
    kept: tuple[tuple[DataClass, int], ...] = ()
    rows_left: tuple[tuple[str, int], ...] = ()
    keys_destroyed: int = 0

    def items_of(self, store: str) -> tuple[Item, ...]:
        """Return the items of one store."""
        return tuple(item for item in self.items if item.store == store)


def drop_items(state: RunState, is_dropped: Callable[[Item], bool]) -> RunState:
    """Take records out of a run before they are deleted, with their needles and its keys' sake.

    Used when a hold arrives while a run stands still: what a hold covers is not touched.
    """
    dropped = {(item.store, item.record_id) for item in state.items if is_dropped(item)}
    if not dropped:
        return state
    counts = dict(state.kept)
    for item in state.items:
        if (item.store, item.record_id) in dropped:
            counts[item.data_class] = counts.get(item.data_class, 0) + 1
    kept_items = tuple(i for i in state.items if (i.store, i.record_id) not in dropped)
    return _drop_needles(
        replace(state, items=kept_items, kept=tuple(sorted(counts.items()))),
        lambda needle: (needle.store, needle.owner) in dropped,
    )


def drop_keys(state: RunState, keyring_store: str, key_ids: Collection[str]) -> RunState:
    """Take keys out of a run because something that is not due uses them."""
    if not key_ids:
        return state
    return _drop_needles(
        replace(state, keys=tuple(key for key in state.keys if key not in key_ids)),
        lambda needle: needle.store == keyring_store and needle.owner in key_ids,
    )


def _drop_needles(state: RunState, is_dropped: Callable[[Needle], bool]) -> RunState:
    numbers = [n for n, needle in enumerate(state.needles) if not is_dropped(needle)]
    return replace(
        state,
        needles=tuple(state.needles[number] for number in numbers),
        before=_renumber(state.before, numbers),
        after=_renumber(state.after, numbers),
    )


def _renumber(search: Search | None, numbers: Iterable[int]) -> Search | None:
    if search is None:
        return None
    found = frozenset(new for new, old in enumerate(numbers) if old in search.found)
    return replace(search, found=found)


def build_place_scans(before: Search | None, after: Search | None) -> tuple[PlaceScan, ...]:
    """Return the account of each place, in the order in which it was searched."""
    if before is None or after is None:
        return ()
    bytes_before, hits_before = dict(before.bytes), dict(before.hits)
    files, bytes_after, hits_after = dict(after.files), dict(after.bytes), dict(after.hits)
    return tuple(
        PlaceScan.model_validate(
            {
                "place": place,
                "files": max(count, files.get(place, 0)),
                "bytesBefore": bytes_before.get(place, 0),
                "hitsBefore": hits_before.get(place, 0),
                "bytesAfter": bytes_after.get(place, 0),
                "hitsAfter": hits_after.get(place, 0),
            }
        )
        for place, count in before.files
    )


def render_state(state: RunState) -> bytes:
    """Encode a state; bytes are hex, so that no needle occurs in it even before it is sealed."""
    document = {
        "v": STATE_VERSION,
        "now": state.now_ms,
        "classes": [
            [c.data_class, c.keep_seconds, c.cutoff_ms, c.due, c.holds, c.postponed]
            for c in state.classes
        ],
        "items": [[i.data_class, i.store, i.record_id, i.rows] for i in state.items],
        "keys": state.keys,
        "needles": [
            [n.store, n.owner, n.kind, [piece.hex() for piece in n.pieces]] for n in state.needles
        ],
        "before": _render_search(state.before),
        "after": _render_search(state.after),
        "kept": state.kept,
        "left": state.rows_left,
        "destroyed": state.keys_destroyed,
    }
    return orjson.dumps(document)


def parse_state(raw: bytes) -> RunState:
    """Decode what `render_state` wrote.

    Raises:
        ValueError: if the bytes are no state of this version.
    """
    document = orjson.loads(raw)
    if document["v"] != STATE_VERSION:
        raise ValueError(f"a purge run of state version {document['v']} cannot be continued")
    return RunState(
        now_ms=document["now"],
        classes=tuple(
            ClassPlan(DataClass(name), keep, cutoff, due, tuple(holds), postponed)
            for name, keep, cutoff, due, holds, postponed in document["classes"]
        ),
        items=tuple(Item(DataClass(name), *rest) for name, *rest in document["items"]),
        keys=tuple(document["keys"]),
        needles=tuple(
            Needle(store, owner, NeedleKind(kind), tuple(bytes.fromhex(piece) for piece in pieces))
            for store, owner, kind, pieces in document["needles"]
        ),
        before=_parse_search(document["before"]),
        after=_parse_search(document["after"]),
        kept=tuple((DataClass(name), count) for name, count in document["kept"]),
        rows_left=tuple((store, count) for store, count in document["left"]),
        keys_destroyed=document["destroyed"],
    )


def _render_search(search: Search | None) -> dict[str, Any] | None:
    if search is None:
        return None
    return {
        "found": sorted(search.found),
        "files": search.files,
        "bytes": search.bytes,
        "hits": search.hits,
        "unreadable": search.unreadable,
    }


def _parse_search(document: dict[str, Any] | None) -> Search | None:
    if document is None:
        return None
    return Search(
        found=frozenset(document["found"]),
        files=_parse_counts(document["files"]),
        bytes=_parse_counts(document["bytes"]),
        hits=_parse_counts(document["hits"]),
        unreadable=document["unreadable"],
    )


def _parse_counts(pairs: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((str(place), int(count)) for place, count in pairs)
