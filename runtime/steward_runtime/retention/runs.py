"""Rows of purge runs: where a run stands, what it has frozen, and what it has deleted so far."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from steward_api.receipt import Trigger
from steward_runtime.crypto.keyring import NO_SUBJECT, Keyring
from steward_runtime.crypto.sealing import LOCATOR_BYTES, Sealed
from steward_runtime.retention.proof import StoreCount
from steward_runtime.retention.state import Item, RunState, parse_state, render_state
from steward_runtime.storage.connection import Connection

RUNS_STORE: Final = "purge_runs"
PURGE_CLASS: Final = "purge"
"""Class of the keys that seal the state of runs; each run has one of its own."""
EVERYTHING: Final = "*"
"""Store name that freezes the whole assistant."""
RUNS_KEPT: Final = 1_000
"""Finished runs whose rows are kept; receipts are kept apart, and for good."""
_NO_LABEL: Final = bytes(32)
_COLUMNS: Final = "run_id, cause, step, started_at, finished_at, outcome, reason, receipt_digest"


class Step(StrEnum):
    """Steps of a run in their order; a run's row names the last one that is durable."""

    STARTED = "Started"
    FROZEN = "Frozen"
    SURVEYED = "Surveyed"
    DELETING = "Deleting"
    DELETED = "Deleted"
    COMPACTED = "Compacted"
    VERIFIED = "Verified"
    KEYS_DESTROYED = "KeysDestroyed"
    CONCLUDED = "Concluded"
    ISSUED = "Issued"


HARMLESS: Final = frozenset({Step.STARTED, Step.FROZEN, Step.SURVEYED})
"""Steps after which nothing is deleted yet: such a run is begun anew with the newest policy."""


class RunOutcome(StrEnum):
    """How a run ended, by the runtime's own account."""

    NOTHING_DUE = "NothingDue"
    COMPLETE = "Complete"
    PARTIAL = "Partial"
    ABANDONED = "Abandoned"
    """Stopped before anything was deleted; another run took over."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it stands.

    Attributes:
        run_id: its id.
        trigger: why it happens.
        step: last durable step.
        started_at_ms: when it began.
        finished_at_ms: when it ended, or None.
        outcome: how it ended, or None.
        reason: code that says more, or empty.
        receipt_digest: its receipt, or None.
    """

    run_id: str
    trigger: Trigger
    step: Step
    started_at_ms: int
    finished_at_ms: int | None = None
    outcome: RunOutcome | None = None
    reason: str = ""
    receipt_digest: str | None = None


def insert_run(connection: Connection, run: Run) -> None:
    """Write the row of a new run and drop the oldest finished ones."""
    connection.execute(
        "INSERT INTO purge_runs (run_id, cause, step, started_at) VALUES (?, ?, ?, ?)",
        (run.run_id, run.trigger.value, run.step.value, run.started_at_ms),
    )
    connection.execute(
        "DELETE FROM purge_counts WHERE run_id NOT IN (SELECT run_id FROM purge_runs)"
    )
    connection.execute(
        "DELETE FROM purge_runs WHERE finished_at IS NOT NULL AND run_id NOT IN "
        "(SELECT run_id FROM purge_runs ORDER BY started_at DESC, rowid DESC LIMIT ?)",
        (RUNS_KEPT,),
    )


def find_run(connection: Connection, run_id: str) -> Run | None:
    """Return a run."""
    return _select(connection, "run_id = ?", (run_id,))


def find_unfinished(connection: Connection) -> Run | None:
    """Return the run that has not ended; there is at most one."""
    return _select(connection, "finished_at IS NULL", ())


def find_next(connection: Connection, run: Run) -> Run | None:
    """Return the run that began after another one."""
    return _select(
        connection,
        "rowid > (SELECT rowid FROM purge_runs WHERE run_id = ?) ORDER BY rowid LIMIT 1",
        (run.run_id,),
    )


def save_state(
    connection: Connection, keyring: Keyring, run_id: str, step: Step, state: RunState
) -> None:
    """Make a step durable with what the run needs to go on from it."""
    key = keyring.obtain(connection, NO_SUBJECT, PURGE_CLASS, run_id)
    sealed = key.seal(
        render_state(state),
        store=RUNS_STORE,
        locator=_locate(run_id),
        label_digest=_NO_LABEL,
    )
    connection.execute(
        "UPDATE purge_runs SET step = ?, key_id = ?, nonce = ?, sealed = ? WHERE run_id = ?",
        (step.value, sealed.key_id, sealed.nonce, sealed.ciphertext, run_id),
    )


def read_state(connection: Connection, keyring: Keyring, run_id: str) -> RunState:
    """Read back what `save_state` kept.

    Raises:
        DataKeyDestroyed: if the run has ended.
        SealBroken: if the row was changed.
    """
    key_id, nonce, ciphertext = connection.execute(
        "SELECT key_id, nonce, sealed FROM purge_runs WHERE run_id = ?", (run_id,)
    ).fetchone()
    raw = keyring.open(
        connection,
        Sealed(key_id, nonce, ciphertext),
        store=RUNS_STORE,
        locator=_locate(run_id),
        label_digest=_NO_LABEL,
    )
    return parse_state(raw)


def finish_run(connection: Connection, keyring: Keyring, run: Run) -> None:
    """Write how a run ended, release what it still holds, and destroy its state with its key."""
    connection.execute("DELETE FROM frozen WHERE run_id = ?", (run.run_id,))
    row = connection.execute(
        "SELECT key_id FROM purge_runs WHERE run_id = ?", (run.run_id,)
    ).fetchone()
    if row is not None and row[0] is not None:
        keyring.destroy(connection, row[0])
    connection.execute(
        "UPDATE purge_runs SET step = ?, finished_at = ?, outcome = ?, reason = ?, "
        "receipt_digest = ?, key_id = NULL, nonce = NULL, sealed = NULL WHERE run_id = ?",
        (
            run.step.value,
            run.finished_at_ms,
            run.outcome,
            run.reason,
            run.receipt_digest,
            run.run_id,
        ),
    )


def freeze(connection: Connection, run_id: str, records: Iterable[tuple[str, str]]) -> None:
    """Freeze records, given as (store, record id)."""
    connection.executemany(
        "INSERT OR IGNORE INTO frozen (store, record_id, run_id) VALUES (?, ?, ?)",
        [(store, record_id, run_id) for store, record_id in records],
    )


def freeze_everything(connection: Connection) -> None:
    """Freeze the whole assistant; nothing releases it."""
    freeze(connection, EVERYTHING, [(EVERYTHING, EVERYTHING)])


def release(connection: Connection, records: Iterable[tuple[str, str]]) -> None:
    """Let records, given as (store, record id), be written again."""
    connection.executemany("DELETE FROM frozen WHERE store = ? AND record_id = ?", records)


def is_everything_frozen(connection: Connection) -> bool:
    """Say whether the assistant was frozen for good, because it is being erased."""
    row = connection.execute("SELECT 1 FROM frozen WHERE store = ?", (EVERYTHING,)).fetchone()
    return row is not None


def count_deletion(
    connection: Connection, run_id: str, store: str, records: int, rows: int
) -> None:
    """Add to what a run has deleted, in the transaction of the deletion itself."""
    connection.execute(
        "INSERT INTO purge_counts (run_id, store, records, rows_deleted) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (run_id, store) DO UPDATE SET records = records + excluded.records, "
        "rows_deleted = rows_deleted + excluded.rows_deleted",
        (run_id, store, records, rows),
    )


def read_counts(connection: Connection, run_id: str) -> dict[str, StoreCount]:
    """Return what a run has deleted so far, by store."""
    rows = connection.execute(
        "SELECT store, records, rows_deleted FROM purge_counts WHERE run_id = ?", (run_id,)
    )
    return {store: StoreCount(records, deleted) for store, records, deleted in rows}


def list_ids(items: Sequence[Item]) -> dict[str, frozenset[str]]:
    """Return the record ids of items, by store."""
    found: dict[str, set[str]] = {}
    for item in items:
        found.setdefault(item.store, set()).add(item.record_id)
    return {store: frozenset(ids) for store, ids in found.items()}


def _select(connection: Connection, condition: str, values: tuple[str, ...]) -> Run | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM purge_runs WHERE {condition}",  # noqa: S608 # our own text
        values,
    ).fetchone()
    if row is None:
        return None
    run_id, cause, step, started, finished, outcome, reason, receipt_digest = row
    return Run(
        run_id,
        Trigger(cause),
        Step(step),
        started,
        finished,
        None if outcome is None else RunOutcome(outcome),
        reason,
        receipt_digest,
    )


def _locate(run_id: str) -> bytes:
    return hashlib.sha256(run_id.encode()).digest()[:LOCATOR_BYTES]
