"""Purges and receipts for the administration API: starting, showing, acknowledging.

Satisfies the purge and receipt part of `server.ports.Administration`. Runs are driven in a thread
of their own, one after another, so that turns go on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from pydantic import ValidationError

from steward_api.receipt import Signature, Trigger
from steward_runtime.clock import render_time
from steward_runtime.crypto.rewrapping import Rewrapping
from steward_runtime.errors import NotFound, RequestRefused, StewardError
from steward_runtime.retention.purge import Purge
from steward_runtime.retention.receipts import ReceiptLog
from steward_runtime.retention.runs import Run, RunOutcome
from steward_runtime.telemetry.names import LogField

UNCOSIGNED = "Uncosigned"
"""Outcome of a run that claims Complete while the archive has not acknowledged its receipt."""
_log = logging.getLogger(__name__)


class PurgeService:
    """Starts and shows purge runs, hands out receipts, takes acknowledgements.

    Args:
        purge: drives the runs.
        receipts: the log of receipts.
        rewrapping: brings data keys under the newest key-encryption key, if that may be needed.
    """

    def __init__(
        self, purge: Purge, receipts: ReceiptLog, rewrapping: Rewrapping | None = None
    ) -> None:
        self._purge = purge
        self._receipts = receipts
        self._rewrapping = rewrapping
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="steward-purge")
        self._jobs: dict[tuple[str, Trigger], Future[None]] = {}

    def resume(self) -> None:
        """Go on with the run that a crash has left, in the background, then with its keys."""
        self._thread.submit(self._guard, self._purge.resume)
        self._thread.submit(self._guard, self._rewrap)

    async def close(self) -> None:
        """Let the run that is under way stand still after its step, and wait until it does."""
        self._purge.stop()
        if self._rewrapping is not None:
            self._rewrapping.stop()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    async def start_purge(self) -> Mapping[str, Any]:
        """Start a run for the windows, or join the one that is under way."""
        return await self._start(Trigger.WINDOW)

    async def start_erasure(self) -> Mapping[str, Any]:
        """Freeze the assistant for good and erase everything that no hold keeps.

        From the return on nothing can be written any more. A run that is under way is driven to
        its end first; the erasure follows as `nextRunId`.
        """
        return await self._start(Trigger.ASSISTANT_DELETED)

    async def show_purge(self, run_id: str) -> Mapping[str, Any] | None:
        """Return a run, or None if there is no such run."""
        return await asyncio.to_thread(self._show, run_id)

    async def list_receipts(self, after: str | None) -> Mapping[str, Any]:
        """Return receipts from the oldest on, after the one with this digest.

        Raises:
            NotFound: if there is no receipt with this digest.
        """
        return await asyncio.to_thread(self._list, after)

    async def read_receipt(self, digest: str) -> bytes | None:
        """Return the envelope of one receipt, co-signed once the archive has acknowledged it."""
        try:
            return await asyncio.to_thread(self._receipts.read, digest)
        except NotFound:
            return None

    async def acknowledge_receipt(self, digest: str, document: object) -> None:
        """Keep the archive's co-signature, given as `{keyid, sig}`.

        Raises:
            NotFound: if there is no such receipt.
            RequestRefused: if the document is no signature.
            CosignatureRefused: if no trusted operator key made it over this receipt.
        """
        try:
            signature = Signature.model_validate(document)
        except ValidationError:
            raise RequestRefused(
                "a co-signature has the members keyid and sig, and no others"
            ) from None
        await asyncio.to_thread(self._receipts.acknowledge, digest, signature)

    async def _start(self, trigger: Trigger) -> Mapping[str, Any]:
        run = await asyncio.to_thread(self._purge.begin, trigger)
        place = (run.run_id, trigger)
        if place not in self._jobs:
            job = self._thread.submit(self._guard, partial(self._purge.follow, run, trigger))
            self._thread.submit(self._guard, self._rewrap)
            self._jobs[place] = job
            job.add_done_callback(lambda _: self._jobs.pop(place, None))
        return await asyncio.to_thread(self._describe, run)

    def _rewrap(self) -> None:
        """Go on with a change of the key-encryption key, unless a run searches for wrapped keys.

        On the thread of runs, so that none begins meanwhile.
        """
        rewrapping = self._rewrapping
        if rewrapping is None or rewrapping.is_settled or self._purge.is_searching():
            return
        rewrapping.run()

    def _guard(self, work: Callable[[], object]) -> None:
        """Run a job; what goes wrong is logged, and the run goes on with the next order."""
        try:
            work()
        except StewardError as error:
            _log.warning("PurgeInterrupted", extra={LogField.REASON.value: error.reason})
        except Exception:  # noqa: BLE001 # the thread has nobody else to tell
            _log.exception("Defect")

    def _is_driving(self) -> bool:
        return bool(self._jobs)

    def _show(self, run_id: str) -> Mapping[str, Any] | None:
        run = self._purge.find(run_id)
        return None if run is None else self._describe(run)

    def _describe(self, run: Run) -> Mapping[str, Any]:
        following = self._purge.find_next(run)
        state = "Running" if self._is_driving() else "Interrupted"
        if run.finished_at_ms is not None:
            state = "Finished"
        return {
            "runId": run.run_id,
            "trigger": run.trigger.value,
            "state": state,
            "step": run.step.value,
            "startedAt": render_time(run.started_at_ms),
            "finishedAt": None if run.finished_at_ms is None else render_time(run.finished_at_ms),
            "outcome": self._resolve_outcome(run),
            "reason": run.reason,
            "receiptDigest": run.receipt_digest,
            "nextRunId": None if following is None else following.run_id,
        }

    def _resolve_outcome(self, run: Run) -> str | None:
        if run.outcome is not RunOutcome.COMPLETE or run.receipt_digest is None:
            return None if run.outcome is None else run.outcome.value
        is_archived = self._receipts.find(run.receipt_digest).is_archived
        return RunOutcome.COMPLETE.value if is_archived else UNCOSIGNED

    def _list(self, after: str | None) -> Mapping[str, Any]:
        position = -1 if after is None else self._receipts.find(after).log_size
        return {
            "receipts": [
                {
                    "logSize": entry.log_size,
                    "digest": entry.digest,
                    "runId": entry.run_id,
                    "issuedAt": render_time(entry.issued_at_ms),
                    "isArchived": entry.is_archived,
                }
                for entry in self._receipts.list_entries(position)
            ]
        }
