"""The purge: one path for windows and erasure alike.

    resolve, hold check -> freeze -> scan -> delete per store -> compact -> ask what is left ->
    destroy keys -> compact, scan -> audit leaf and receipt, in one transaction

The archive pulls the receipt from there. A run that was interrupted before its first deletion is
begun anew under the newest policy; one that was interrupted later goes on where it stood.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar

from steward_api.receipt import (
    AuditAnchor,
    Outcome,
    ReceiptPredicate,
    ResidueReason,
    Trigger,
)
from steward_api.verification import parse_envelope, parse_statement
from steward_runtime.audit.chain import build_leaf, extend_head
from steward_runtime.audit.sink import read_head
from steward_runtime.clock import Clock, Ids
from steward_runtime.errors import ShuttingDown, StorageFull
from steward_runtime.retention import runs, steps
from steward_runtime.retention.ballast import Ballast
from steward_runtime.retention.plan import ClassPlan, PurgePlan
from steward_runtime.retention.proof import (
    Identity,
    RunFacts,
    build_predicate,
    build_statement,
)
from steward_runtime.retention.receipts import ReceiptLog
from steward_runtime.retention.runs import HARMLESS, Run, RunOutcome, Step
from steward_runtime.retention.state import RunState
from steward_runtime.retention.steps import Workshop
from steward_runtime.retention.windows import Windows
from steward_runtime.storage.connection import Connection
from steward_runtime.telemetry.names import LogField

T = TypeVar("T")

RUN_PREFIX: Final = "purge"
HELD_AS_BEFORE: Final = "HeldAsBefore"
Action: TypeAlias = Callable[[Workshop, Run, RunState], RunState]
_log = logging.getLogger(__name__)


class StepObserver(Protocol):
    """Hears of every step of a run, before and after it; for metrics, and for tests that kill."""

    def before(self, run_id: str, step: Step) -> None:
        """Hear that a step begins."""
        ...

    def after(self, run_id: str, step: Step) -> None:
        """Hear that a step is durable."""
        ...


class Purge:
    """Runs purges of one assistant, one at a time.

    Args:
        shop: database, keys, stores, scanner and windows.
        receipts: the log of receipts.
        identity: returns whose data it is and which Blueprint is in force.
        clock: the time that windows are measured to.
        ids: ids of runs.
        observer: hears of every step.
        ballast: makes room on a full disk.
    """

    def __init__(  # noqa: PLR0917 # one collaborator each, given once in wiring
        self,
        shop: Workshop,
        receipts: ReceiptLog,
        identity: Callable[[], Identity],
        clock: Clock,
        ids: Ids,
        observer: StepObserver | None = None,
        ballast: Ballast | None = None,
    ) -> None:
        self._shop = shop
        self._receipts = receipts
        self._identity = identity
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._ballast = ballast
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()

    def stop(self) -> None:
        """Let a run that is under way end before its next step; it goes on with the next start."""
        self._is_stopping.set()

    def begin(self, trigger: Trigger) -> Run:
        """Write the row of a new run, or return the one that has not ended.

        For a deleted assistant everything is frozen in the same transaction, for good.
        """

        def start(connection: Connection) -> Run:
            if trigger is Trigger.ASSISTANT_DELETED:
                runs.freeze_everything(connection)
            unfinished = runs.find_unfinished(connection)
            if unfinished is not None:
                return unfinished
            return self._insert(connection, trigger)

        return self._with_room(lambda: self._shop.database.write_now(start))

    def drive(self, run: Run) -> Run:
        """Take a run to its end and return it as it ended.

        Raises:
            StewardError: if a step failed; the run stays, and `drive` goes on with it next time.
        """
        with self._lock:
            run = self._reload(run)
            if run.finished_at_ms is not None:
                return run
            if run.step in HARMLESS and run.step is not Step.STARTED:
                run = self._begin_anew(run)
            state = self._plan(run) if run.step is Step.STARTED else self._read_state(run)
            if state is None:
                return self._reload(run)
            return self._go_on(self._reload(run), state)

    def run(self, trigger: Trigger) -> tuple[Run, ...]:
        """Begin and drive runs until nothing that may go is due; return them in order.

        A run that was left unfinished is driven to its end first.
        """
        return self.follow(self.begin(trigger), trigger)

    def follow(self, run: Run, trigger: Trigger) -> tuple[Run, ...]:
        """Drive a run and those that must come after it for `trigger`; return them in order."""
        done = []
        while True:
            run = self._with_room(partial(self.drive, run))
            if run.outcome is not RunOutcome.ABANDONED:
                done.append(run)
            if run.trigger is trigger and not self._must_follow(run):
                self._keep_ballast()
                return tuple(done)
            run = self.begin(trigger)

    def resume(self) -> Run | None:
        """Drive the run that a crash has left, if there is one."""
        self._keep_ballast()
        self._receipts.write_missing_files()
        run = self._shop.database.read_now(runs.find_unfinished)
        return None if run is None else self.drive(run)

    def find(self, run_id: str) -> Run | None:
        """Return a run as it stands."""
        return self._shop.database.read_now(lambda connection: runs.find_run(connection, run_id))

    def is_searching(self) -> bool:
        """Say whether an unfinished run holds needles of keys as they lie in the files now."""
        run = self._shop.database.read_now(runs.find_unfinished)
        return run is not None and run.step not in HARMLESS

    def find_next(self, run: Run) -> Run | None:
        """Return the run that took over from, or followed, another one."""
        return self._shop.database.read_now(lambda connection: runs.find_next(connection, run))

    def _with_room(self, work: Callable[[], T]) -> T:
        """Do something; on a full disk drop the ballast, cut the log, and do it once more."""
        try:
            return work()
        except StorageFull:
            if self._ballast is None or not self._ballast.drop():
                raise
            steps.checkpoint(self._shop.database)
            return work()

    def _keep_ballast(self) -> None:
        if self._ballast is not None:
            self._ballast.keep()

    def _insert(self, connection: Connection, trigger: Trigger) -> Run:
        run = Run(self._ids.new_id(RUN_PREFIX), trigger, Step.STARTED, self._clock.now_ms())
        runs.insert_run(connection, run)
        return run

    def _begin_anew(self, run: Run) -> Run:
        """Let go of a run that has deleted nothing, and begin another with the newest policy."""

        def swap(connection: Connection) -> Run:
            self._finish(connection, run, RunOutcome.ABANDONED)
            return self._insert(connection, run.trigger)

        return self._shop.database.write_now(swap)

    def _plan(self, run: Run) -> RunState | None:
        """Resolve and freeze; None where the run has ended because nothing can go."""
        windows = self._shop.windows()
        now_ms = self._clock.now_ms()
        plan = steps.resolve(self._shop, run, windows, now_ms)
        if run.trigger is Trigger.WINDOW and self._ends_without_receipt(run, windows, plan):
            return None
        self._observe_before(run, Step.FROZEN)
        state = steps.freeze(self._shop, run, plan, windows, now_ms)
        self._observe_after(run, Step.FROZEN)
        return state

    def _go_on(self, run: Run, state: RunState) -> Run:
        while run.step is not Step.CONCLUDED:
            self._check_running(run)
            step, action = _NEXT[run.step]
            self._observe_before(run, step)
            state = action(self._shop, run, state)
            self._observe_after(run, step)
            run = replace(run, step=step)
        self._observe_before(run, Step.ISSUED)
        run = self._issue(run, state)
        self._observe_after(run, Step.ISSUED)
        if run.receipt_digest is not None:
            self._receipts.write_file(run.receipt_digest)
        return run

    def _issue(self, run: Run, state: RunState) -> Run:
        """Write audit leaf and receipt and end the run, all in one transaction."""
        windows = self._shop.windows()

        def issue(connection: Connection) -> Run:
            predicate = self._build_claim(connection, run, state, windows)
            is_empty = not state.items and not predicate.exceptions
            if is_empty and run.trigger is Trigger.WINDOW:
                # Everything that was due was written again before it could be frozen.
                return self._finish(connection, run, RunOutcome.NOTHING_DUE)
            anchor = self._anchor(connection, predicate)
            digest = self._receipts.append(connection, build_statement(predicate, state, anchor))
            is_complete = predicate.outcome is Outcome.COMPLETE
            outcome = RunOutcome.COMPLETE if is_complete else RunOutcome.PARTIAL
            ended = replace(run, receipt_digest=digest, reason=_resolve_reason(predicate))
            return self._finish(connection, ended, outcome)

        return self._shop.database.write_now(issue)

    def _build_claim(
        self, connection: Connection, run: Run, state: RunState, windows: Windows
    ) -> ReceiptPredicate:
        log_size, previous_digest = self._receipts.read_position(connection)
        facts = RunFacts(
            run_id=run.run_id,
            trigger=run.trigger,
            started_at_ms=run.started_at_ms,
            finished_at_ms=self._clock.now_ms(),
            deleted=runs.read_counts(connection, run.run_id),
            stores=tuple((store.name, store.data_class) for store in self._shop.stores),
            log_size=log_size,
            previous_digest=previous_digest,
        )
        return build_predicate(state, facts, windows, self._identity())

    def _anchor(self, connection: Connection, predicate: ReceiptPredicate) -> AuditAnchor:
        """Append the claim's leaf to the audit chain. It needs no salt: it is about nobody."""
        size, previous_head = read_head(connection)
        leaf = build_leaf(b"", predicate.render_claim())
        head = extend_head(previous_head, leaf)
        connection.execute(
            "INSERT INTO audit_leaves (seq, at, leaf, head) VALUES (?, ?, ?, ?)",
            (size + 1, self._clock.now_ms(), leaf, head),
        )
        return AuditAnchor(seq=size + 1, previous_head=previous_head.hex(), head=head.hex())

    def _finish(self, connection: Connection, run: Run, outcome: RunOutcome) -> Run:
        ended = replace(run, step=Step.ISSUED, finished_at_ms=self._clock.now_ms(), outcome=outcome)
        runs.finish_run(connection, self._shop.keyring, ended)
        connection.after_commit.append(lambda: _log_end(ended))
        return ended

    def _ends_without_receipt(self, run: Run, windows: Windows, plan: PurgePlan) -> bool:
        """End a run in which nothing can go, unless a new hold has to be stated."""
        if plan.is_empty:
            outcome, reason = RunOutcome.NOTHING_DUE, ""
        elif not plan.delete and self._is_known_hold(windows, plan.classes):
            outcome, reason = RunOutcome.PARTIAL, HELD_AS_BEFORE
        else:
            return False
        self._shop.database.write_now(
            lambda connection: self._finish(connection, replace(run, reason=reason), outcome)
        )
        return True

    def _is_known_hold(self, windows: Windows, classes: tuple[ClassPlan, ...]) -> bool:
        """Say whether the newest receipt states the very holds that keep everything now."""
        held = {(row.data_class, hold) for row in classes if row.due for hold in row.holds}
        entry = self._shop.database.read_now(self._receipts.read_position)
        if entry[1] is None:
            return False
        predicate = parse_statement(parse_envelope(self._receipts.read(entry[1]))).predicate
        stated = {
            (residue.data_class, residue.hold)
            for residue in predicate.exceptions
            if residue.reason is ResidueReason.HELD
        }
        return held == stated and predicate.policy == windows.policy

    def _must_follow(self, run: Run) -> bool:
        return run.outcome is RunOutcome.ABANDONED or run.reason == ResidueReason.POSTPONED

    def _check_running(self, run: Run) -> None:
        if self._is_stopping.is_set():
            raise ShuttingDown(
                f"purge run {run.run_id} stands still after {run.step} because the runtime stops: "
                "it goes on with the next start"
            )

    def _read_state(self, run: Run) -> RunState:
        return self._shop.database.read_now(
            lambda connection: runs.read_state(connection, self._shop.keyring, run.run_id)
        )

    def _reload(self, run: Run) -> Run:
        return self.find(run.run_id) or run

    def _observe_before(self, run: Run, step: Step) -> None:
        if self._observer is not None:
            self._observer.before(run.run_id, step)

    def _observe_after(self, run: Run, step: Step) -> None:
        if self._observer is not None:
            self._observer.after(run.run_id, step)


_NEXT: Final[Mapping[Step, tuple[Step, Action]]] = {
    Step.FROZEN: (Step.SURVEYED, steps.survey),
    Step.SURVEYED: (Step.DELETING, steps.spare_held),
    Step.DELETING: (Step.DELETED, steps.delete),
    Step.DELETED: (Step.COMPACTED, steps.compact),
    Step.COMPACTED: (Step.VERIFIED, steps.verify),
    Step.VERIFIED: (Step.KEYS_DESTROYED, steps.destroy_keys),
    Step.KEYS_DESTROYED: (Step.CONCLUDED, steps.conclude),
}
"""Last durable step, to the next step and what does it."""


def _resolve_reason(predicate: ReceiptPredicate) -> str:
    """Return the reason that a run's row shows: whether more follows, or the first exception."""
    reasons = [residue.reason for residue in predicate.exceptions]
    has_progress = any(row.deleted for row in predicate.classes)
    if has_progress and ResidueReason.POSTPONED in reasons:
        return ResidueReason.POSTPONED
    reasons = [reason for reason in reasons if reason is not ResidueReason.POSTPONED]
    return reasons[0] if reasons else ""


def _log_end(run: Run) -> None:
    _log.info(
        "PurgeEnded",
        extra={
            LogField.RUN.value: run.run_id,
            LogField.OUTCOME.value: run.outcome,
            LogField.REASON.value: run.reason,
            LogField.RECEIPT.value: run.receipt_digest or "",
        },
    )
