"""Erasures: followed beside the queue until they are proven, and what counts as proof."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from steward_api.verification import Verdict
from steward_loopback import until
from steward_operator.contract.client import Erasure
from steward_operator.contract.erasures import Erasures, build_report
from steward_operator.objects import Subject
from steward_operator.plan.world import ErasureReport

DESK = Subject("Assistant", "team", "desk")
RECEIPT = "sha256:" + "0" * 64


@dataclass
class Steps:
    """Plays a list of reports, the last one for ever."""

    reports: list[ErasureReport | Exception]
    taken: int = 0
    woken: list[Subject] = field(default_factory=list)

    async def take(self, subject: Subject, uid: str) -> ErasureReport:
        """Take one step."""
        assert (subject, uid) == (DESK, "uid-1")
        report = self.reports[min(self.taken, len(self.reports) - 1)]
        self.taken += 1
        if isinstance(report, Exception):
            raise report
        return report


def waiting(reason: str) -> ErasureReport:
    """Return a report that proves nothing."""
    return ErasureReport(is_proven=False, reason=reason)


async def test_follows_once_and_stops_when_proven() -> None:
    """Each change wakes the Assistant, and asking again begins nothing anew."""
    proven = ErasureReport(is_proven=True, reason="Complete")
    steps = Steps([waiting("Running"), proven])
    erasures = Erasures(steps.take, steps.woken.append)
    erasures.follow(DESK, "uid-1")
    erasures.follow(DESK, "uid-1")
    await until(lambda: erasures.of(DESK) == proven, "the proof")
    assert steps.woken == [DESK, DESK]
    erasures.follow(DESK, "uid-1")
    await asyncio.sleep(0)
    assert steps.taken == 2


async def test_a_step_that_crashes_is_no_end() -> None:
    """Nothing is proven by a defect, and the next step is taken."""
    steps = Steps([ValueError("defect"), waiting("Partial")])
    erasures = Erasures(steps.take, steps.woken.append)
    erasures.follow(DESK, "uid-1")
    await until(lambda: erasures.of(DESK) == waiting("InternalError"), "the defect")
    await until(lambda: erasures.of(DESK) == waiting("Partial"), "the next step")
    erasures.forget(DESK)
    assert erasures.of(DESK) is None


@pytest.mark.parametrize(
    ("outcome", "receipt", "verdict", "expected"),
    [
        ("Uncosigned", RECEIPT, Verdict.COMPLETE, ErasureReport(True, "Complete")),
        ("Complete", RECEIPT, Verdict.UNCOSIGNED, waiting("Uncosigned")),
        ("Complete", RECEIPT, Verdict.PARTIAL, waiting("Partial")),
        ("Complete", RECEIPT, None, waiting("ReceiptMissing")),
        ("NothingDue", None, None, ErasureReport(True, "NothingDue")),
        ("NothingDue", None, Verdict.COMPLETE, ErasureReport(True, "Complete")),
        ("NothingDue", None, Verdict.PARTIAL, waiting("Partial")),
    ],
)
def test_the_receipt_on_the_shelf_is_the_proof(
    outcome: str, receipt: str | None, verdict: Verdict | None, expected: ErasureReport
) -> None:
    """What the runtime claims counts only where there was never anything to erase."""
    assert build_report(Erasure(True, outcome, receipt), verdict) == expected
