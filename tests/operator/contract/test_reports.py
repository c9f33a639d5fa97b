"""Reports: who is asked when, and that nobody waits for a runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from steward_api.reasons import Reason
from steward_loopback import until
from steward_operator.contract.client import RuntimeStatus
from steward_operator.contract.errors import RuntimeFault, RuntimeRefused, RuntimeUnreachable
from steward_operator.contract.reports import (
    ASKERS,
    PATIENCE_SECONDS,
    REPEAT_SECONDS,
    RETRY_SECONDS,
    SETTLING_SECONDS,
    Reports,
    build_report,
)
from steward_operator.gather.subject import Subject
from steward_operator.plan.world import RuntimeQuestion, RuntimeReport

DESK = Subject("Assistant", "team", "desk")
QUESTION = RuntimeQuestion("uid-1", "sha256:1")


@dataclass
class Scene:
    """Runtimes that a test plays, and a clock that it moves."""

    now: float = 100.0
    served: str = "sha256:1"
    fault: RuntimeFault | None = None
    generation: int | None = 1
    asked: list[Subject] = field(default_factory=list)
    woken: list[Subject] = field(default_factory=list)
    silent: set[Subject] = field(default_factory=set)

    async def ask(self, subject: Subject, uid: str) -> RuntimeStatus:
        """Answer, fail or hang."""
        assert uid == QUESTION.uid
        self.asked.append(subject)
        if subject in self.silent:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        return RuntimeStatus(self.served, b"k" * 32, self.generation)


def has_asked(scene: Scene, count: int) -> bool:
    """Say whether so many questions were put."""
    return len(scene.asked) == count


async def soon(probe: Callable[[], bool]) -> None:
    """Wait for something that the asking does."""
    await until(probe, "what was asked for")


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Reports]:
    """Run the asking."""
    reports = Reports(scene.ask, scene.woken.append, lambda: scene.now, lambda: 0.0)
    task = asyncio.create_task(reports.run())
    try:
        yield reports
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_asks_once_and_wakes_once() -> None:
    """The first answer is waited for; further looks cost nothing."""
    scene = Scene()
    async with running(scene) as reports:
        assert reports.must_wait(DESK, QUESTION)
        assert reports.must_wait(DESK, QUESTION)
        await soon(lambda: scene.woken == [DESK])
        assert not reports.must_wait(DESK, QUESTION)
        said = build_report(DESK, QUESTION, RuntimeStatus("sha256:1", b"k" * 32))
        assert reports.of(DESK) == said
        assert scene.asked == [DESK]
        assert reports.seconds_to_next(DESK) == REPEAT_SECONDS


async def test_the_same_answer_wakes_nobody() -> None:
    """A repeated question costs one request and no pass."""
    scene = Scene()
    async with running(scene) as reports:
        reports.must_wait(DESK, QUESTION)
        await soon(lambda: scene.woken == [DESK])
        scene.now += REPEAT_SECONDS
        assert not reports.must_wait(DESK, QUESTION)
        await soon(lambda: len(scene.asked) == 2)
        await soon(lambda: reports.seconds_to_next(DESK) == REPEAT_SECONDS)
        assert scene.woken == [DESK]


async def test_a_fault_is_an_answer_and_is_asked_again_ever_later() -> None:
    """Ready is not kept waiting, and a runtime that fails for long is asked rarely."""
    scene = Scene(fault=RuntimeUnreachable("no"))
    async with running(scene) as reports:
        reports.must_wait(DESK, QUESTION)
        await soon(lambda: scene.woken == [DESK])
        assert reports.of(DESK) == RuntimeReport("sha256:1", fault=Reason.RUNTIME_UNREACHABLE)
        pauses = []
        for asked in range(2, 7):
            pause = reports.seconds_to_next(DESK)
            assert pause is not None
            pauses.append(pause)
            scene.now += pause
            assert not reports.must_wait(DESK, QUESTION)
            await soon(partial(has_asked, scene, asked))
            await soon(lambda: (reports.seconds_to_next(DESK) or 0.0) > 0.0)
        assert pauses == [RETRY_SECONDS * factor for factor in (1, 2, 4, 8)] + [REPEAT_SECONDS]
        assert scene.woken == [DESK]
        scene.fault = RuntimeRefused("other")
        scene.now += REPEAT_SECONDS
        reports.must_wait(DESK, QUESTION)
        await soon(lambda: scene.woken == [DESK, DESK])


async def test_silent_runtimes_hold_up_nothing_else() -> None:
    """Passes go on: the wait for a first answer ends, with nothing claimed."""
    scene = Scene(silent={DESK})
    others = [Subject("Assistant", "team", f"other-{number}") for number in range(3 * ASKERS)]
    async with running(scene) as reports:
        assert reports.must_wait(DESK, QUESTION)
        for other in others:
            reports.must_wait(other, QUESTION)
        await soon(lambda: sorted(scene.woken) == sorted(others))
        scene.now += PATIENCE_SECONDS
        assert not reports.must_wait(DESK, QUESTION)
        assert reports.of(DESK) is None


async def test_another_blueprint_is_another_question() -> None:
    """An answer that comes too late for its question is dropped."""
    scene = Scene(silent={DESK})
    later = RuntimeQuestion("uid-1", "sha256:2")
    async with running(scene) as reports:
        reports.must_wait(DESK, QUESTION)
        await soon(lambda: scene.asked == [DESK])
        scene.silent.clear()
        assert reports.must_wait(DESK, later)
        await soon(lambda: scene.woken == [DESK])
        report = reports.of(DESK)
        assert report is not None
        assert report.asked_for == "sha256:2"
        reports.forget(DESK)
        assert reports.of(DESK) is None


async def test_asks_soon_again_while_data_keys_are_wrapped_anew() -> None:
    """The older key goes soon after its last use, not ten minutes later."""
    scene, question = Scene(generation=None), replace(QUESTION, key_generation=2)
    async with running(scene) as reports:
        reports.must_wait(DESK, question)
        await soon(lambda: scene.woken == [DESK])
        assert reports.seconds_to_next(DESK) == SETTLING_SECONDS
        scene.now, scene.generation = scene.now + SETTLING_SECONDS, 2
        assert not reports.must_wait(DESK, question)
        await soon(lambda: scene.woken == [DESK, DESK])
        assert reports.seconds_to_next(DESK) == REPEAT_SECONDS
