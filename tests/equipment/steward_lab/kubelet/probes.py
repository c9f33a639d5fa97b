"""Performs a container's HTTP and TCP probes as a kubelet does.

One thing differs, so that tests don't wait for a period to pass: a container that hasn't started
or isn't ready is asked several times a second. The time that a startup probe may fail is still its
`failureThreshold` times its `periodSeconds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from steward_lab.kubelet.environment import ContainerConfigError

Manifest = dict[str, Any]
EAGER_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe with Kubernetes' defaults filled in.

    Attributes:
        url: What to GET; "" for a TCP probe.
    """

    url: str
    host: str
    port: int
    headers: tuple[tuple[str, str], ...]
    initial_delay_seconds: float
    period_seconds: float
    timeout_seconds: float
    success_threshold: int
    failure_threshold: int


def parse_probe(container: Manifest, key: str, address: str) -> Probe | None:
    """Reads one probe of a container, or nothing where it has none.

    Raises:
        ContainerConfigError: It is of a kind that the lab's kubelet doesn't perform.
    """
    spec = container.get(key)
    if not spec:
        return None
    action = spec.get("httpGet") or spec.get("tcpSocket")
    if action is None:
        raise ContainerConfigError(f"the lab's kubelet performs only HTTP and TCP probes ({key})")
    host, port = action.get("host") or address, resolve_port(container, action["port"])
    url = ""
    if "httpGet" in spec:
        path = action.get("path", "/")
        url = f"{action.get('scheme', 'HTTP').lower()}://{host}:{port}/{path.removeprefix('/')}"
    return Probe(
        url=url,
        host=host,
        port=port,
        headers=tuple((item["name"], item["value"]) for item in action.get("httpHeaders") or ()),
        initial_delay_seconds=spec.get("initialDelaySeconds", 0),
        period_seconds=spec.get("periodSeconds", 10),
        timeout_seconds=spec.get("timeoutSeconds", 1),
        success_threshold=spec.get("successThreshold", 1),
        failure_threshold=spec.get("failureThreshold", 3),
    )


def resolve_port(container: Manifest, port: str | int) -> int:
    """The number of a port that is given by number or by name.

    Raises:
        ContainerConfigError: The container declares no port of that name.
    """
    if isinstance(port, int):
        return port
    for item in container.get("ports") or ():
        if item.get("name") == port:
            return int(item["containerPort"])
    raise ContainerConfigError(f"container {container['name']} has no port named {port}")


async def perform(session: aiohttp.ClientSession, probe: Probe) -> str:
    """Performs a probe once; answers "" when it passes, else what happened, as a kubelet says."""
    try:
        async with asyncio.timeout(probe.timeout_seconds):
            if not probe.url:
                _, writer = await asyncio.open_connection(probe.host, probe.port)
                writer.close()
                return ""
            headers = dict(probe.headers)
            async with session.get(
                probe.url, headers=headers, ssl=False, allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 400:
                    return ""
                return f"HTTP probe failed with statuscode: {answer.status}"
    except TimeoutError:
        return "context deadline exceeded"
    except (aiohttp.ClientError, OSError) as error:
        return str(error)


class Prober:
    """Watches over one running container; `run` ends when the container must be restarted."""

    def __init__(self, container: Manifest, address: str, on_change: Callable[[], None]) -> None:
        """Reads the container's probes.

        Raises:
            ContainerConfigError: One cannot be performed here.
        """
        self._startup = parse_probe(container, "startupProbe", address)
        self._readiness = parse_probe(container, "readinessProbe", address)
        self._liveness = parse_probe(container, "livenessProbe", address)
        self._on_change = on_change
        self.is_started = False
        self.is_ready = False
        self.last_failure = ""

    async def run(self) -> str:
        """Probes until startup or liveness fails for good; answers which and why."""
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            if self._startup is not None and not await self._pass_startup(session, self._startup):
                return f"Startup probe failed: {self.last_failure}"
            self.is_started = True
            self.is_ready = self._readiness is None
            self._on_change()
            tasks = {
                asyncio.create_task(self._keep_readiness(session)),
                asyncio.create_task(self._fail_liveness(session)),
            }
            try:
                # Only liveness ever ends by itself; an error in either must be seen.
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return f"Liveness probe failed: {self.last_failure}"

    async def _pass_startup(self, session: aiohttp.ClientSession, probe: Probe) -> bool:
        """Tries the startup probe until it passes or its time is over."""
        await asyncio.sleep(probe.initial_delay_seconds)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + probe.period_seconds * probe.failure_threshold
        while loop.time() < deadline:
            self.last_failure = await perform(session, probe)
            if not self.last_failure:
                return True
            await asyncio.sleep(EAGER_SECONDS)
        return False

    async def _keep_readiness(self, session: aiohttp.ClientSession) -> None:
        """Says ready and not ready for ever, by the thresholds."""
        probe = self._readiness
        if probe is None:
            await asyncio.Event().wait()
            return
        await asyncio.sleep(probe.initial_delay_seconds)
        successes, failures = 0, 0
        while True:
            self.last_failure = failure = await perform(session, probe)
            successes, failures = (0, failures + 1) if failure else (successes + 1, 0)
            if not self.is_ready and successes >= probe.success_threshold:
                self.is_ready = True
                self._on_change()
            elif self.is_ready and failures >= probe.failure_threshold:
                self.is_ready = False
                self._on_change()
            await asyncio.sleep(probe.period_seconds if self.is_ready else EAGER_SECONDS)

    async def _fail_liveness(self, session: aiohttp.ClientSession) -> None:
        """Returns once the liveness probe has failed as often as it may; else never."""
        probe = self._liveness
        if probe is None:
            await asyncio.Event().wait()
            return
        await asyncio.sleep(probe.initial_delay_seconds)
        failures = 0
        while True:
            failure = await perform(session, probe)
            failures = failures + 1 if failure else 0
            if failures >= probe.failure_threshold:
                self.last_failure = failure
                return
            await asyncio.sleep(probe.period_seconds)
