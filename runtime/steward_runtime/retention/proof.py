"""Proof: from what a run did and what the scanner saw to the claim that is signed (pure).

Counts are taken over as the scanner gave them. The outcome follows from the counts alone, by the
same rules that `steward verify` applies later, so a receipt cannot claim more than it shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from steward_api.receipt import (
    AuditAnchor,
    BackupHorizon,
    ClassCount,
    Coverage,
    NeedleCount,
    NeedleKind,
    Outcome,
    ReceiptPredicate,
    Residue,
    ResidueReason,
    Statement,
    StoreProof,
    Subject,
    Trigger,
)
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.verification import find_gaps
from steward_runtime.retention.needles import KEYRING_STORE
from steward_runtime.retention.state import RunState, build_place_scans
from steward_runtime.retention.windows import Windows, resolve_horizons


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data was purged, by which code and configuration.

    Attributes:
        namespace: namespace of the Assistant.
        assistant: its name.
        uid: its uid.
        blueprint_digest: digest of the Blueprint in force.
        runtime_key_id: id of the key that signs.
        scanner_digest: digest of the scanner's source.
    """

    namespace: str
    assistant: str
    uid: str
    blueprint_digest: str
    runtime_key_id: str
    scanner_digest: str


@dataclass(frozen=True, slots=True)
class StoreCount:
    """What one store deleted in a run."""

    records: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything about a run that its state does not hold.

    Attributes:
        run_id: the run.
        trigger: why it happened.
        started_at_ms: when it began.
        finished_at_ms: when the last scan ended.
        deleted: what each store deleted.
        stores: every store of the assistant and its class, in order.
        log_size: receipts before this one.
        previous_digest: digest of the one before.
    """

    run_id: str
    trigger: Trigger
    started_at_ms: int
    finished_at_ms: int
    deleted: Mapping[str, StoreCount]
    stores: tuple[tuple[str, DataClass], ...]
    log_size: int
    previous_digest: str | None


def build_predicate(
    state: RunState, facts: RunFacts, windows: Windows, identity: Identity
) -> ReceiptPredicate:
    """Build the claim of a run; it says Complete only if its own counts have no gap."""
    stores = (*_build_stores(state, facts), _build_keyring(state))
    claim = ReceiptPredicate(
        run_id=facts.run_id,
        trigger=facts.trigger,
        namespace=identity.namespace,
        assistant=identity.assistant,
        assistant_uid=identity.uid,
        blueprint_digest=identity.blueprint_digest,
        policy=windows.policy,
        policy_digest=windows.policy_digest,
        started_at=render_time(facts.started_at_ms),
        finished_at=render_time(facts.finished_at_ms),
        outcome=Outcome.PARTIAL,
        classes=_build_classes(state, facts),
        stores=stores,
        places=build_place_scans(state.before, state.after),
        keys_destroyed=state.keys_destroyed,
        scanner_digest=identity.scanner_digest,
        exceptions=(
            *_build_held(state, windows),
            *_build_postponed(state),
            *_build_residues(state, stores),
        ),
        backups=tuple(
            BackupHorizon(name=each.name, gone_after=render_time(each.gone_after_ms))
            for each in resolve_horizons(windows, facts.finished_at_ms)
        ),
        log_size=facts.log_size,
        previous_digest=facts.previous_digest,
        runtime_key_id=identity.runtime_key_id,
    )
    if find_gaps(claim):
        return claim
    return claim.model_copy(update={"outcome": Outcome.COMPLETE})


def build_statement(predicate: ReceiptPredicate, state: RunState, anchor: AuditAnchor) -> Statement:
    """Build what is signed: the claim, its place in the audit chain, and which rows it is about."""
    locators = sorted(
        needle.pieces[0].hex() for needle in state.needles if needle.kind is NeedleKind.LOCATOR
    )
    digest = hashlib.sha256("".join(f"{locator}\n" for locator in locators).encode())
    subject = Subject(
        name=f"{predicate.namespace}/{predicate.assistant}/purged-rows",
        digest={"sha256": digest.hexdigest()},
    )
    return Statement(subject=(subject,), predicate=predicate.model_copy(update={"audit": anchor}))


def render_time(at_ms: int) -> str:
    """Return RFC 3339 in UTC with whole seconds."""
    return datetime.fromtimestamp(at_ms // 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _build_classes(state: RunState, facts: RunFacts) -> tuple[ClassCount, ...]:
    kept = dict(state.kept)
    deleted: dict[DataClass, int] = {}
    for store, data_class in facts.stores:
        count = facts.deleted.get(store, StoreCount()).records
        deleted[data_class] = deleted.get(data_class, 0) + count
    return tuple(
        ClassCount(
            data_class=row.data_class,
            keep_seconds=row.keep_seconds,
            cutoff=render_time(row.cutoff_ms),
            due=row.due,
            held=row.due if row.holds else kept.get(row.data_class, 0),
            deleted=deleted.get(row.data_class, 0),
        )
        for row in state.classes
    )


def _build_stores(state: RunState, facts: RunFacts) -> tuple[StoreProof, ...]:
    left = dict(state.rows_left)
    return tuple(
        StoreProof(
            store=store,
            data_class=data_class,
            coverage=Coverage.BYTES,
            rows_due=sum(item.rows for item in state.items_of(store)),
            rows_deleted=facts.deleted.get(store, StoreCount()).rows,
            rows_left=left.get(store, 0),
            needles=_count_needles(state, store),
        )
        for store, data_class in facts.stores
    )


def _build_keyring(state: RunState) -> StoreProof:
    return StoreProof(
        store=KEYRING_STORE,
        coverage=Coverage.BYTES,
        rows_due=len(state.keys),
        rows_deleted=state.keys_destroyed,
        rows_left=len(state.keys) - state.keys_destroyed,
        needles=_count_needles(state, KEYRING_STORE),
    )


def _count_needles(state: RunState, store: str) -> tuple[NeedleCount, ...]:
    before = state.before.found if state.before else frozenset()
    after = state.after.found if state.after else frozenset()
    counts = []
    for kind in NeedleKind:
        numbers = {
            number
            for number, needle in enumerate(state.needles)
            if needle.store == store and needle.kind is kind
        }
        if numbers:
            counts.append(
                NeedleCount(
                    kind=kind,
                    searched=len(numbers),
                    found_before=len(numbers & before),
                    found_after=len(numbers & after),
                )
            )
    return tuple(counts)


def _build_held(state: RunState, windows: Windows) -> tuple[Residue, ...]:
    kept = dict(state.kept)
    return tuple(
        Residue(
            reason=ResidueReason.HELD,
            data_class=row.data_class,
            hold=hold,
            count=row.due if row.holds else kept[row.data_class],
        )
        for row in state.classes
        for hold in row.holds or windows.holds_on(row.data_class)
        if (row.holds and row.due) or kept.get(row.data_class)
    )


def _build_postponed(state: RunState) -> tuple[Residue, ...]:
    return tuple(
        Residue(reason=ResidueReason.POSTPONED, data_class=row.data_class, count=row.postponed)
        for row in state.classes
        if row.postponed
    )


def _build_residues(state: RunState, stores: tuple[StoreProof, ...]) -> tuple[Residue, ...]:
    found: list[Residue] = []
    for store in stores:
        unseen = sum(needle.searched - needle.found_before for needle in store.needles)
        remaining = sum(needle.found_after for needle in store.needles)
        left_reason = (
            ResidueReason.KEY_KEPT if store.store == KEYRING_STORE else ResidueReason.DELETE_FAILED
        )
        for reason, count in (
            (left_reason, store.rows_left),
            (ResidueReason.NOT_SEEN, unseen),
            (ResidueReason.BYTES_FOUND, remaining),
        ):
            if count:
                found.append(
                    Residue(
                        reason=reason, data_class=store.data_class, store=store.store, count=count
                    )
                )
    unreadable = sum(search.unreadable for search in (state.before, state.after) if search)
    if unreadable:
        found.append(Residue(reason=ResidueReason.PLACE_UNREADABLE, count=unreadable))
    return tuple(found)
