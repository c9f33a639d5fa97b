"""Runs one container of a Pod: starts its command, probes it, restarts it, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from steward_lab.errors import ApiError
from steward_lab.kubelet.environment import (
    ContainerConfigError,
    Objects,
    build_command,
    build_environment,
)
from steward_lab.kubelet.events import read_clock
from steward_lab.kubelet.files import VolumeError
from steward_lab.kubelet.probes import Prober
from steward_lab.kubelet.statuses import ContainerState
from steward_lab.kubelet.volumes import Mount, PodVolumes
from steward_lab.pins import REPOSITORY
from steward_lab.processes import build_launch_command, write_launch_specification

Manifest = dict[str, Any]
# A kubelet begins with 10 s and goes up to 5 minutes; nobody wants to wait for that in a test.
BACK_OFF_SECONDS_MIN = 0.25
BACK_OFF_SECONDS_MAX = 5.0
GRACE_SECONDS = 30.0
# A kubelet reads no more of a termination message.
MESSAGE_BYTES_MAX = 4096
MESSAGE_PATH = "/dev/termination-log"
START_ERROR_CODE = 128
KILLED_CODE = 137
# A folder comes before what lies in it: else the inner one's mount point would stand for the outer.
VISIBLE = tuple(sorted({sys.prefix, sys.base_prefix, str(REPOSITORY)}, key=len))


@dataclass(frozen=True, slots=True)
class Ground:
    """What the containers of one Pod share.

    Attributes:
        directory: The Pod's own folder.
        logs: Folder of the containers' output; it outlives the Pod.
        hosts: The file that containers see as /etc/hosts.
        environment: Variables that every container begins with.
        fetch_objects: Reads the Secrets and ConfigMaps that variables refer to.
        complain: Writes an Event by reason and message.
        on_change: Called whenever the status may differ.
    """

    pod: Manifest
    address: str
    directory: Path
    logs: Path
    hosts: Path
    volumes: PodVolumes
    environment: Mapping[str, str]
    fetch_objects: Callable[[], Awaitable[Objects]]
    complain: Callable[[str, str], Awaitable[None]]
    on_change: Callable[[], None]


class ContainerRunner:
    """One container; `run` returns its last exit code when it will not start again.

    Attributes:
        state: What it does now.
    """

    def __init__(self, spec: Manifest, ground: Ground) -> None:
        """Prepares the container of a spec."""
        self._spec = spec
        self._ground = ground
        self._directory = ground.directory / "containers" / spec["name"]
        self._failure = self._directory / "failure"
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.state = ContainerState(spec["name"], {"waiting": {"reason": "PodInitializing"}}, {})

    async def run(self, should_restart: Callable[[int], bool]) -> int:
        """Runs the command until it ends for good.

        Args:
            should_restart: Says by exit code whether it is started again.
        """
        delay, last = BACK_OFF_SECONDS_MIN, KILLED_CODE
        while not self._stopping.is_set():
            code = await self._run_once()
            if code is not None:
                last = code
                if self._stopping.is_set() or not should_restart(code):
                    break
                await self._wait_to_restart()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(2 * delay, BACK_OFF_SECONDS_MAX)
        return last

    async def stop(self, grace_seconds: float) -> None:
        """Ends the process, by force when it takes longer than its grace; `run` then returns."""
        self._stopping.set()
        await self._end_process(grace_seconds)

    async def kill(self) -> None:
        """Kills the process and its children at once and waits until it is gone."""
        self._stopping.set()
        process = self._process
        if process is not None:
            _kill_group(process.pid)
            await process.wait()

    async def _run_once(self) -> int | None:
        """Starts the command and waits for its end; None if it couldn't even be configured."""
        try:
            command = await self._prepare()
            prober = Prober(self._spec, self._ground.address, self._on_probe)
        except (ContainerConfigError, VolumeError, ApiError, aiohttp.ClientError) as error:
            waiting = {"reason": "CreateContainerConfigError", "message": str(error)}
            self._set(state={"waiting": waiting}, is_ready=False, is_started=False)
            await self._ground.complain("Failed", f"Error: {error}")
            return None
        self._ground.logs.mkdir(parents=True, exist_ok=True)
        with (self._ground.logs / f"{self._spec['name']}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        if self._stopping.is_set():
            _kill_group(process.pid)
        started_at = read_clock()
        self._set(state={"running": {"startedAt": started_at}}, is_ready=False, is_started=False)
        self._prober = prober
        probing = asyncio.create_task(prober.run())
        exiting = asyncio.create_task(process.wait())
        await asyncio.wait({probing, exiting}, return_when=asyncio.FIRST_COMPLETED)
        if probing.done() and not exiting.done():
            await self._ground.complain("Unhealthy", probing.result())
            await self._end_process(self._grace_seconds)
        code = await exiting
        probing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await probing
        _kill_group(process.pid)
        self._process = None
        return self._finish(code, started_at)

    def _finish(self, returncode: int, started_at: str) -> int:
        """Records how the process ended and answers the exit code that Kubernetes shows."""
        code = returncode if returncode >= 0 else 128 - returncode
        failure = self._failure.read_text(encoding="utf-8").strip()
        ended: Manifest = {
            "exitCode": START_ERROR_CODE if failure else code,
            "reason": "StartError" if failure else "Error" if code else "Completed",
            "startedAt": started_at,
            "finishedAt": read_clock(),
        }
        message = failure or self._read_message(code)
        if message:
            ended["message"] = message
        self._set(state={"terminated": ended}, is_ready=False, is_started=False)
        return int(ended["exitCode"])

    async def _prepare(self) -> tuple[str, ...]:
        """Writes what the launcher needs and answers its command line."""
        ground, spec = self._ground, self._spec
        objects = await ground.fetch_objects()
        declared = build_environment(ground.pod, spec, ground.address, objects)
        command = build_command(spec, declared)
        staging, message = self._directory / "root", self._directory / "message"
        staging.mkdir(parents=True, exist_ok=True)
        message.write_bytes(b"")
        self._failure.write_bytes(b"")
        mounts = (
            Mount(str(message), spec.get("terminationMessagePath", MESSAGE_PATH), False),
            Mount(str(ground.hosts), "/etc/hosts", True),
            *ground.volumes.build_mounts(spec),
        )
        security = spec.get("securityContext") or {}
        specification = self._directory / "launch.json"
        write_launch_specification(
            specification,
            command,
            environment={**ground.environment, **declared},
            directory=spec.get("workingDir"),
            tree={
                "staging": str(staging),
                "mounts": [mount.render() for mount in mounts],
                "visible": VISIBLE,
                "is_read_only": bool(security.get("readOnlyRootFilesystem")),
            },
            failure=str(self._failure),
        )
        return build_launch_command(specification)

    async def _wait_to_restart(self) -> None:
        """Shows the crash loop that a container is in between two runs."""
        message = f"back-off restarting failed container {self._spec['name']}"
        self.state = replace(
            self.state,
            last_state=self.state.state,
            state={"waiting": {"reason": "CrashLoopBackOff", "message": message}},
            restart_count=self.state.restart_count + 1,
        )
        self._ground.on_change()
        await self._ground.complain("BackOff", message)

    async def _end_process(self, grace_seconds: float) -> None:
        """Sends SIGTERM, and SIGKILL to the whole group when the grace is over."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), grace_seconds)
        except TimeoutError:
            _kill_group(process.pid)
            await process.wait()

    @property
    def _grace_seconds(self) -> float:
        return float(self._ground.pod["spec"].get("terminationGracePeriodSeconds", GRACE_SECONDS))

    def _read_message(self, code: int) -> str:
        """The termination message, from the log's end where the container asks for that."""
        text: bytes = (self._directory / "message").read_bytes()[:MESSAGE_BYTES_MAX]
        policy = self._spec.get("terminationMessagePolicy", "File")
        if not text and code and policy == "FallbackToLogsOnError":
            log = (self._ground.logs / f"{self._spec['name']}.log").read_bytes()
            text = b"\n".join(log.splitlines()[-80:])[-2048:]
        return text.decode(errors="replace")

    def _on_probe(self) -> None:
        """Takes over what the probes say."""
        self._set(is_ready=self._prober.is_ready, is_started=self._prober.is_started)

    def _set(self, **changes: Any) -> None:
        """Replaces parts of the state and says so."""
        self.state = replace(self.state, **changes)
        self._ground.on_change()


def _kill_group(pid: int) -> None:
    """Kills a process and what it started, where they still are."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
