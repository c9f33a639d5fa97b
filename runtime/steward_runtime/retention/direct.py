"""A purge of a runtime that is not running: this process opens the database itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from steward_api.receipt import Trigger
from steward_runtime import config
from steward_runtime.clock import Clock, RandomIds, SystemClock
from steward_runtime.config import ConfigFolder
from steward_runtime.retention.assembly import PurgeParts, build_purge, resolve_places
from steward_runtime.retention.client import PurgeExit
from steward_runtime.retention.opening import open_keyed_database, open_keys
from steward_runtime.retention.runs import Run, RunOutcome
from steward_runtime.storage.folder_lock import WAIT_SECONDS, acquire_folder_lock


def run_purge_direct(
    folder: ConfigFolder,
    data: Path,
    say: Callable[[str], None],
    *,
    is_local: bool = False,
    trigger: Trigger = Trigger.WINDOW,
    clock: Clock | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> int:
    """Open the data directory alone, purge what is due, and return an exit code.

    Args:
        folder: Blueprint, trust and keys.
        data: data directory of the database.
        say: takes one sentence per run that has ended.
        is_local: temporary files and logs lie beside the data directory.
        trigger: windows, or everything because the assistant is deleted.
        clock: the time that windows are measured to; the machine's own by default.
        wait_seconds: how long another process that has the data directory open is waited for.

    Raises:
        StorageBusy: if a runtime or another purge has the data directory open.
        StewardError: if a file is missing or a step failed; the next run goes on from there.
    """
    clock = clock or SystemClock()
    blueprint = config.load_blueprint(folder.blueprint)
    trust = config.load_trust(folder.trust)
    keys = open_keys(folder, clock)
    lock = acquire_folder_lock(data, wait_seconds=wait_seconds)
    try:
        database = open_keyed_database(data, keys, trust, clock)
        try:
            parts = PurgeParts(
                database=database,
                keyring=keys.keyring,
                signing_key=keys.signing_key,
                blueprint=blueprint,
                trust=lambda: trust,
                places=resolve_places(data, is_local=is_local),
                clock=clock,
                ids=RandomIds(),
                is_serving=False,
            )
            done = build_purge(parts)[0].run(trigger)
        finally:
            database.close()
    finally:
        lock.release()
    for run in done:
        say(_describe(run))
    return resolve_exit(done[-1])


def resolve_exit(run: Run) -> PurgeExit:
    """Return the exit code for how a run has ended."""
    is_done = run.outcome in {RunOutcome.COMPLETE, RunOutcome.NOTHING_DUE}
    return PurgeExit.DONE if is_done else PurgeExit.PARTIAL


def _describe(run: Run) -> str:
    reason = f" ({run.reason})" if run.reason else ""
    receipt = f", receipt {run.receipt_digest}" if run.receipt_digest else ""
    return f"run {run.run_id}: {run.outcome}{reason}{receipt}"
