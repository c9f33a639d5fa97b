"""What runtimes said, remembered between passes, and when each is asked again.

A pass never waits for a runtime: it asks, ends, and is woken by the answer. Asking has workers of
its own, so that runtimes that hang hold up nothing but each other.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from steward_api.key_change import find_predecessors
from steward_api.reasons import Reason
from steward_operator.archive.keys import check_ed25519
from steward_operator.contract.client import RuntimeStatus
from steward_operator.contract.errors import RuntimeFault
from steward_operator.objects import Subject
from steward_operator.plan.world import RuntimeQuestion, RuntimeReport
from steward_operator.telemetry import log

ASKERS: Final = 8
"""Questions at the same time: with 2 s each, 1,000 silent runtimes are asked in 4 minutes."""
PATIENCE_SECONDS: Final = 4.0
"""How long the status of an Assistant that has become available waits for the first answer, so
that one write tells of both."""
REPEAT_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 60.0
"""After a fault; twice as long after each further one, up to `REPEAT_SECONDS`."""
SETTLING_SECONDS: Final = 5.0
"""While data keys are being wrapped anew, so that the older key goes soon after."""
JITTER: Final = 0.2

Ask = Callable[[Subject, str], Awaitable[RuntimeStatus]]
"""Asks the runtime of an Assistant with this uid for its status."""


@dataclass(slots=True)
class _Record:
    """One question and what became of it."""

    question: RuntimeQuestion
    first_asked_at: float
    report: RuntimeReport | None = None
    due_at: float = 0.0
    failures: int = 0


class Reports:
    """Asks each runtime once per Blueprint that became available, and rarely after that."""

    def __init__(
        self,
        ask: Ask,
        wake: Callable[[Subject], None],
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        """Join what is needed; must be made inside the running loop.

        Args:
            ask: Puts the question.
            wake: Asks for a pass, because an answer has changed.
            clock: Monotonic seconds.
            draw: Random number from 0 to 1, for jitter.
        """
        self._ask = ask
        self._wake = wake
        self._clock = clock
        self._draw = draw
        self._records: dict[Subject, _Record] = {}
        self._queue: asyncio.Queue[Subject] = asyncio.Queue()
        self._queued: set[Subject] = set()

    def of(self, subject: Subject) -> RuntimeReport | None:
        """Return the last answer, None where none came yet."""
        record = self._records.get(subject)
        return None if record is None else record.report

    def must_wait(self, subject: Subject, question: RuntimeQuestion) -> bool:
        """Ask if it is time; say whether the first answer is still worth waiting for."""
        now = self._clock()
        record = self._records.get(subject)
        if record is None or record.question != question:
            record = self._records[subject] = _Record(question, now)
            self._enqueue(subject)
        elif record.report is not None and now >= record.due_at:
            self._enqueue(subject)
        return record.report is None and now < record.first_asked_at + PATIENCE_SECONDS

    def seconds_to_next(self, subject: Subject) -> float | None:
        """Return when the runtime is due to be asked again."""
        record = self._records.get(subject)
        if record is None or record.report is None:
            return None
        return max(0.0, record.due_at - self._clock())

    def forget(self, subject: Subject) -> None:
        """Drop what is remembered, because no Pod serves or the Assistant is gone."""
        self._records.pop(subject, None)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(ASKERS):
                group.create_task(self._work())

    def _enqueue(self, subject: Subject) -> None:
        if subject not in self._queued:
            self._queued.add(subject)
            self._queue.put_nowait(subject)

    async def _work(self) -> None:
        while True:
            subject = await self._queue.get()
            self._queued.discard(subject)
            record = self._records.get(subject)
            if record is not None:
                await self._put_question(subject, record)

    async def _put_question(self, subject: Subject, record: _Record) -> None:
        question = record.question
        try:
            status = await self._ask(subject, question.uid)
        except RuntimeFault as fault:
            log().info("runtime_not_verified", reason=fault.reason, **_explain(subject))
            report = RuntimeReport(question.blueprint_digest, fault=Reason(fault.reason))
        except Exception as error:  # noqa: BLE001 - one bad answer never stops the asking
            log().error("question_crashed", error=type(error).__name__, **_explain(subject))
            report = RuntimeReport(question.blueprint_digest, fault=Reason.RUNTIME_ANSWER_BROKEN)
        else:
            report = build_report(subject, question, status)
        if self._records.get(subject) is not record:
            return  # asked for another Blueprint meanwhile
        is_news = report != record.report
        record.report = report
        record.failures = record.failures + 1 if report.fault else 0
        is_settling = not report.fault and report.key_generation != question.key_generation
        pause = SETTLING_SECONDS if is_settling else self._pause_seconds(record.failures)
        record.due_at = self._clock() + pause
        if is_news:
            self._wake(subject)

    def _pause_seconds(self, failures: int) -> float:
        pause = REPEAT_SECONDS
        if failures:
            pause = min(REPEAT_SECONDS, RETRY_SECONDS * 2.0 ** min(failures - 1, 8))
        return pause * (1.0 + JITTER * self._draw())


def build_report(
    subject: Subject, question: RuntimeQuestion, status: RuntimeStatus
) -> RuntimeReport:
    """Say what a status means for the plan: its key, and which keys that were pinned lead to it."""
    of = (subject.namespace, subject.name)
    earlier = find_predecessors(status.public_key, status.key_changes, of, check_ed25519)
    return RuntimeReport(
        question.blueprint_digest,
        status.blueprint_digest,
        key_generation=status.key_generation,
        public_key=base64.b64encode(status.public_key).decode(),
        predecessors=frozenset(base64.b64encode(key).decode() for key in earlier),
    )


def _explain(subject: Subject) -> dict[str, str]:
    return {"namespace": subject.namespace, "name": subject.name}
