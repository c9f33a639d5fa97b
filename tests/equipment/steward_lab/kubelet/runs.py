"""Runs one Pod: volumes first, then its init containers in order, then its containers at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from typing import Any

import aiohttp

from steward_lab.errors import ApiError
from steward_lab.kubelet.containers import ContainerRunner, Ground
from steward_lab.kubelet.files import VolumeError
from steward_lab.kubelet.statuses import PodState

Manifest = dict[str, Any]
MESSAGES = {
    "DeadlineExceeded": "Pod was active on the node longer than the specified deadline",
    "LabKubeletError": "a fault of the lab's kubelet; its log says more",
}
logger = logging.getLogger(__name__)
RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 10.0


class PodRunner:
    """One Pod that runs as local processes, from `start` until it is over.

    Attributes:
        is_over: Whether nothing of it runs any more, nor will.
    """

    def __init__(self, ground: Ground) -> None:
        """Prepares the containers; `start` starts them."""
        spec = ground.pod["spec"]
        self.is_over = False
        self._ground = ground
        self._policy = spec.get("restartPolicy", "Always")
        self._deadline_seconds = spec.get("activeDeadlineSeconds")
        self._first = [ContainerRunner(item, ground) for item in spec.get("initContainers") or ()]
        self._main = [ContainerRunner(item, ground) for item in spec["containers"]]
        self._codes: list[int] = []
        self._is_initialized = not self._first
        self._reason = ""
        self._refresh = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def state(self) -> PodState:
        """What the Pod does now."""
        phase = "Running" if self._is_initialized else "Pending"
        if self.is_over:
            is_failed = bool(self._reason) or not self._codes or any(self._codes)
            phase = "Failed" if is_failed else "Succeeded"
        return PodState(
            phase=phase,
            address=self._ground.address,
            containers=tuple(item.state for item in self._main),
            init_containers=tuple(item.state for item in self._first),
            is_initialized=self._is_initialized,
            reason=self._reason,
            message=MESSAGES.get(self._reason, ""),
        )

    def start(self) -> None:
        """Begins in the background."""
        self._task = asyncio.create_task(self._run())

    def refresh(self) -> None:
        """Brings the files of Secrets and ConfigMaps up to date soon."""
        self._refresh.set()

    def end(self, grace_seconds: float) -> None:
        """Begins to end the Pod; it is over when its processes have ended."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_seconds))

    async def kill(self) -> None:
        """Ends the Pod at once and removes its folder; claims and logs stay."""
        for runner in (*self._first, *self._main):
            await runner.kill()
        for task in (self._task, self._ending):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        shutil.rmtree(self._ground.directory, ignore_errors=True)

    async def _run(self) -> None:
        """Runs the Pod to its end, within its deadline."""
        keeping: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._prepare_volumes()
                keeping = asyncio.create_task(self._keep_volumes())
                self._codes = await self._run_containers()
        except TimeoutError:
            self._reason = "DeadlineExceeded"
            await self._stop_containers(0)
        except Exception:
            logger.exception("pod %s", self._ground.pod["metadata"]["name"])
            self._reason = "LabKubeletError"
            await self._stop_containers(0)
        finally:
            if keeping is not None:
                keeping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeping
        self.is_over = True
        self._ground.on_change()

    async def _run_containers(self) -> list[int]:
        """Runs all containers and answers the exit codes that count."""
        for runner in self._first:
            code = await runner.run(lambda code: code != 0 and self._policy != "Never")
            if code:
                return [code]
        self._is_initialized = True
        self._ground.on_change()
        always, on_failure = self._policy == "Always", self._policy == "OnFailure"

        def should_restart(code: int) -> bool:
            return always or (on_failure and code != 0)

        return list(await asyncio.gather(*(item.run(should_restart) for item in self._main)))

    async def _prepare_volumes(self) -> None:
        """Makes the volumes, complaining and trying again for as long as one cannot be made."""
        delay = RETRY_SECONDS_MIN
        while True:
            self._refresh.clear()
            try:
                await self._ground.volumes.prepare()
            except (VolumeError, ApiError, aiohttp.ClientError) as error:
                await self._ground.complain("FailedMount", str(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._refresh.wait(), delay)
                delay = min(2 * delay, RETRY_SECONDS_MAX)
            else:
                return

    async def _keep_volumes(self) -> None:
        """Writes changed Secrets and ConfigMaps into the volumes until cancelled."""
        while True:
            await self._refresh.wait()
            self._refresh.clear()
            # A source that is gone leaves the files as they are, as on a real node.
            with contextlib.suppress(VolumeError, ApiError, aiohttp.ClientError):
                await self._ground.volumes.prepare()

    async def _stop_containers(self, grace_seconds: float) -> None:
        runners = (*self._first, *self._main)
        await asyncio.gather(*(runner.stop(grace_seconds) for runner in runners))

    async def _end(self, grace_seconds: float) -> None:
        """Stops the containers; a Pod that never came so far is over at once."""
        await self._stop_containers(grace_seconds)
        if self._task is not None and not self._is_initialized:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self.is_over = True
            self._ground.on_change()
