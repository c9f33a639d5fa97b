"""The CronJob of the plan as a schedule of this machine: same cron line, same arguments."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim

from steward_cli.local.child import TETHER_MODULE, ChildSpec, Say, describe_exit, open_log
from steward_cli.local.programs import Schedule

Clock = Callable[[], datetime]
"""Returns the present time, with a time zone."""


class PurgeExit(IntEnum):
    """Exit codes of a purge run that mean something to a reader."""

    COMPLETE = 0
    PARTIAL = 3


def decide_next_run(schedule: Schedule, now: datetime) -> datetime:
    """Return the first time after `now` that the cron line names, in UTC (pure)."""
    local = now.astimezone(ZoneInfo(schedule.time_zone))
    following: datetime = next(CronSim(schedule.cron, local))
    return following.astimezone(UTC)


class PurgeTimer:
    """Starts one purge run after another; runs never overlap, as in the CronJob."""

    def __init__(self, schedule: Schedule, spec: ChildSpec, *, say: Say, clock: Clock) -> None:
        self.runs = 0
        self.last_exit_code: int | None = None
        self._schedule = schedule
        self._spec = spec
        self._say = say
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self, ran: Callable[[], None]) -> None:
        """Run whenever the schedule says so, until cancelled; `ran` is called after each run."""
        while True:
            now = self._clock()
            await asyncio.sleep((decide_next_run(self._schedule, now) - now).total_seconds())
            await self.run_once()
            ran()

    async def run_once(self) -> int:
        """Start one purge run, wait for it and return its exit code."""
        log = open_log(self._spec.log)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                TETHER_MODULE,
                str(os.getpid()),
                "--",
                *self._spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._spec.folder,
                env=dict(self._spec.environment),
                start_new_session=True,
            )
        finally:
            os.close(log)
        code = await self._wait(self._process)
        self.runs += 1
        self.last_exit_code = code
        self._tell(code)
        return code

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        try:
            return await asyncio.wait_for(process.wait(), self._schedule.deadline_seconds)
        except TimeoutError:
            self._say(f"purge run took over {self._schedule.deadline_seconds} s: ended")
            with suppress(ProcessLookupError):
                process.kill()
            return await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            raise

    def _tell(self, code: int) -> None:
        if code == PurgeExit.PARTIAL:
            self._say(f"purge run was Partial: something due is still there; {self._spec.log}")
        elif code != PurgeExit.COMPLETE:
            self._say(f"purge run failed ({describe_exit(code)}); its log: {self._spec.log}")
