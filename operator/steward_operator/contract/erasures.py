"""Erasures of deleted Assistants: ordered, followed and proven beside the queue.

The runtime's word is not enough: where this operator keeps the archive, the proof is the receipt
on its own shelf, signed by the runtime's pinned key and co-signed by ours. Where another process
keeps it, the proof is our co-signature, which that process gives once the receipt is on its disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from steward_api.key_change import find_predecessors
from steward_api.receipt import Trigger
from steward_api.verification import ReceiptRefused, Verdict, verify_receipt
from steward_operator.archive.check import Issuer, select_keys
from steward_operator.archive.errors import ArchiveError
from steward_operator.archive.http_source import HttpSource
from steward_operator.archive.keys import check_ed25519
from steward_operator.contract.archives import Archives
from steward_operator.contract.client import Erasure
from steward_operator.contract.errors import RuntimeFault
from steward_operator.contract.runtimes import Runtimes
from steward_operator.objects import Subject
from steward_operator.plan.world import ErasureReport
from steward_operator.telemetry import log

POLL_SECONDS: Final = 1.0
POLL_SECONDS_MAX: Final = 30.0
"""An erasure that takes long, or a runtime that is away, is asked less and less often."""
NOTHING_DUE: Final = "NothingDue"
COMPLETE: Final = "Complete"
RECEIPTS_MAX: Final = 50
"""Receipts among which an erasure is looked for: purges that follow it find nothing to receipt."""

Step = Callable[[Subject, str], Awaitable[ErasureReport]]


@dataclass(frozen=True, slots=True)
class ErasureSteps:
    """One step of an erasure: order it, see how far it is, and look for the proof.

    Attributes:
        runtimes: how runtimes are reached.
        archives: the operator's own archive; None where another process keeps it.
    """

    runtimes: Runtimes
    archives: Archives | None

    async def take(self, subject: Subject, uid: str) -> ErasureReport:
        """Take one step and return how far the erasure is."""
        try:
            erasure = await self.runtimes.erase(subject, uid)
            if not erasure.is_ended:
                return ErasureReport(is_proven=False, reason="Running")
            if self.archives is None:
                return await self._check_elsewhere(subject, uid, erasure)
            await self.archives.pull(subject, uid)
            verdict = await asyncio.to_thread(self.archives.find_erasure_verdict, subject, uid)
        except (RuntimeFault, ArchiveError, ReceiptRefused, OSError) as fault:
            reason = str(getattr(fault, "reason", type(fault).__name__))
            return ErasureReport(is_proven=False, reason=reason)
        return build_report(erasure, verdict)

    async def _check_elsewhere(self, subject: Subject, uid: str, erasure: Erasure) -> ErasureReport:
        """Read the receipt from the runtime itself: it can show, not make, our co-signature.

        The archive's process signs with our key once a receipt is on its disk.
        """
        target = await self.runtimes.find(subject, uid)
        status = await self.runtimes.client.read_status(target)
        key = self.runtimes.key
        source = HttpSource(self.runtimes.session, target.base_url, uid, key)
        of = (subject.namespace, subject.name)
        older = find_predecessors(status.public_key, status.key_changes, of, check_ed25519)
        issuer = Issuer(*of, uid, status.public_key, older)
        for digest in reversed(await _list_digests(source, erasure)):
            raw = await source.read(digest)
            keys = select_keys(raw, issuer, self.runtimes.public_keys)
            found = await asyncio.to_thread(verify_receipt, raw, keys, check_ed25519)
            claim = found.statement.predicate
            if claim.trigger is Trigger.ASSISTANT_DELETED and claim.assistant_uid == uid:
                return build_report(erasure, found.verdict)
        return build_report(erasure, None)


async def _list_digests(source: HttpSource, erasure: Erasure) -> list[str]:
    """Return which receipts may be the erasure's, oldest first.

    After a restart a runtime may find nothing left and name no receipt; one of its log tells why.
    """
    if erasure.receipt_digest is not None:
        return [erasure.receipt_digest]
    digests: list[str] = []
    while page := await source.list_after(digests[-1] if digests else None):
        digests += page
    return digests[-RECEIPTS_MAX:]


def build_report(erasure: Erasure, verdict: Verdict | None) -> ErasureReport:
    """Decide what an ended erasure and the verdict on its receipt amount to."""
    if verdict is None and erasure.outcome == NOTHING_DUE and erasure.receipt_digest is None:
        return ErasureReport(is_proven=True, reason=NOTHING_DUE)
    reason = "ReceiptMissing" if verdict is None else str(verdict)
    return ErasureReport(is_proven=reason == COMPLETE, reason=reason)


class Erasures:
    """Follows each erasure until it is proven or let go."""

    def __init__(self, step: Step, wake: Callable[[Subject], None]) -> None:
        """Take one step at a time by `step`; `wake` the Assistant when the report changes."""
        self._step = step
        self._wake = wake
        self._reports: dict[Subject, ErasureReport] = {}
        self._tasks: dict[Subject, asyncio.Task[None]] = {}

    def of(self, subject: Subject) -> ErasureReport | None:
        """Return how far the erasure is; None where none was ordered."""
        return self._reports.get(subject)

    def follow(self, subject: Subject, uid: str) -> None:
        """Order the erasure and follow it; asked again it changes nothing."""
        if subject not in self._tasks:
            self._tasks[subject] = asyncio.create_task(self._run(subject, uid))

    def forget(self, subject: Subject) -> None:
        """Stop following."""
        self._reports.pop(subject, None)
        task = self._tasks.pop(subject, None)
        if task is not None:
            task.cancel()

    async def _run(self, subject: Subject, uid: str) -> None:
        pause = POLL_SECONDS
        while True:
            try:
                report = await self._step(subject, uid)
            except Exception as error:  # noqa: BLE001 - asked again until the deadline
                log().error("erasure_crashed", error=type(error).__name__, name=subject.name)
                report = ErasureReport(is_proven=False, reason="InternalError")
            if report != self._reports.get(subject):
                log().info(
                    "erasure",
                    reason=report.reason,
                    namespace=subject.namespace,
                    name=subject.name,
                )
                self._reports[subject] = report
                self._wake(subject)
            if report.is_proven:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS_MAX)
