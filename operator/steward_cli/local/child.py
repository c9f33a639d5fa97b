"""One child process: started through the tether, logged to a file, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from steward_cli.local.backoff import count_failures, decide_restart_seconds
from steward_cli.local.errors import ChildFailed
from steward_cli.local.record import ProcessRecord, measure_start

TETHER_MODULE: Final = "steward_cli.local.tether"
POLL_SECONDS: Final = 0.1
PROBE_SECONDS: Final = 2.0
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""A log that has grown past this is started anew with the process; one older log is kept."""

Say = Callable[[str], None]
"""Tells the user one line."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run, and how to know that it is well."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    health_url: str | None
    """Answers 200 when the child is ready; None where starting is enough."""
    start_seconds: int
    grace_seconds: int = 10


class Child:
    """Keeps one process running until it is told to stop."""

    def __init__(self, spec: ChildSpec, say: Say, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.restarts = 0
        self._say = say
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_stopping = False

    def record(self) -> ProcessRecord | None:
        """Say which process runs now; None while there is none."""
        process = self._process
        if process is None or process.returncode is not None:
            return None
        return ProcessRecord(
            name=self.spec.name,
            pid=process.pid,
            started_ticks=measure_start(process.pid) or 0,
            restarts=self.restarts,
            log=str(self.spec.log),
        )

    async def start(self) -> None:
        """Start the process and wait until it is healthy; from then on it is kept running.

        Raises:
            ChildFailed: if it ends or is not healthy in time; the text names its log.
        """
        await self._spawn()
        await self._wait_healthy()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")

    async def stop(self) -> None:
        """Ask the process to end, and end it when its grace is over."""
        self._is_stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.spec.grace_seconds)
            except TimeoutError:
                self._say(f"{self.spec.name} did not stop in {self.spec.grace_seconds} s: killed")
                self.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    def kill(self) -> None:
        """End the process at once."""
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            assert self._process is not None  # noqa: S101  # `start` has spawned it
            since = loop.time()
            code = await self._process.wait()
            if self._is_stopping:
                return
            failures = count_failures(failures, loop.time() - since)
            seconds = decide_restart_seconds(failures)
            self._say(
                f"{self.spec.name} ended ({describe_exit(code)}); starting it again in "
                f"{seconds} s; its log: {self.spec.log}"
            )
            self._changed()
            await asyncio.sleep(seconds)
            await self._restart()

    async def _restart(self) -> None:
        self.restarts += 1
        await self._spawn()
        try:
            await self._wait_healthy()
        except ChildFailed as failed:
            self._say(str(failed))
        else:
            self._say(f"{self.spec.name} is back")
        self._changed()

    async def _spawn(self) -> None:
        log = open_log(self.spec.log)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                TETHER_MODULE,
                str(os.getpid()),
                "--",
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.spec.folder,
                env=dict(self.spec.environment),
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._changed()

    async def _wait_healthy(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101  # `_spawn` came before
        if self.spec.health_url is None:
            return
        deadline = asyncio.get_running_loop().time() + self.spec.start_seconds
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False) as client:
            while asyncio.get_running_loop().time() < deadline:
                if process.returncode is not None:
                    raise ChildFailed(
                        f"{self.spec.name} ended while starting "
                        f"({describe_exit(process.returncode)}); its log: {self.spec.log}"
                    )
                if await is_healthy(client, self.spec.health_url):
                    return
                await asyncio.sleep(POLL_SECONDS)
        raise ChildFailed(
            f"{self.spec.name} was not ready within {self.spec.start_seconds} s at "
            f"{self.spec.health_url}; its log: {self.spec.log}"
        )


async def is_healthy(client: httpx.AsyncClient, url: str) -> bool:
    """Say whether `url` answers 200 now."""
    try:
        response = await client.get(url)
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def describe_exit(code: int) -> str:
    """Say how a process ended: `exit code 3` or `signal SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def open_log(path: Path) -> int:
    """Open a log for appending, private to this user; a large one is set aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".old.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
