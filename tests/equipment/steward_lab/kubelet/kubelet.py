"""The test kubelet as tests see it: a thread with rules."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steward_lab.configuration import KUBELET
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import DeadlineError, StartError
from steward_lab.kubelet.api import Address
from steward_lab.kubelet.hosts import is_pod_ready
from steward_lab.kubelet.node import Node, NodeSettings
from steward_lab.kubelet.rules import Rule

Manifest = dict[str, Any]
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Service's port is served by a ready Pod."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The plain HTTP address."""
        return f"http://{self.host}:{self.port}"


class Kubelet(contextlib.AbstractContextManager["Kubelet"]):
    """Binds the Pods of a control plane and makes of them what its rules say.

    Attributes:
        directory: Claims and logs, below the control plane's folder.
    """

    def __init__(
        self,
        plane: ControlPlane,
        *,
        fallback: Rule | None = None,
        environment: Mapping[str, str] | None = None,
        status_writes_per_second: float = 100.0,
    ) -> None:
        """Prepares a kubelet; `start` or `with` starts it.

        Args:
            plane: The running control plane.
            fallback: What becomes of Pods without a rule; by default they become ready, and
                those of Jobs succeed.
            environment: Variables of every process beside those that its Pod declares.
            status_writes_per_second: Ceiling on the status writes of Pods.
        """
        self._plane = plane
        self._fallback = fallback
        self._environment = dict(environment or {})
        self._rate = status_writes_per_second
        self._rules: tuple[Rule, ...] = ()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._node: Node | None = None
        self.directory = plane.directory / f"kubelet-{secrets.token_hex(4)}"

    def __enter__(self) -> Kubelet:
        """Starts it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def start(self) -> None:
        """Starts the thread and waits until the node is registered and everything is seen.

        Raises:
            StartError: It failed or took too long.
        """
        self._thread = threading.Thread(target=self._run, name="lab-kubelet", daemon=True)
        self._thread.start()
        is_up = self._started.wait(START_SECONDS)
        if not is_up:
            self.stop()
            raise StartError(f"the kubelet did not start within {START_SECONDS} s")
        if self._failure is not None:
            self.stop()

    def stop(self) -> None:
        """Stops the thread and everything that it runs; logs stay with the control plane's.

        Raises:
            StartError: It had ended before, by a fault of its own.
        """
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join()
        for name in ("claims", "hosts", "pods"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        if self._failure is not None:
            raise StartError(f"the kubelet failed: {self._failure}") from self._failure

    def add_rule(self, rule: Rule) -> None:
        """Adds a rule, which goes before all older ones, also for Pods that are there already."""
        self._set_rules((*self._rules, rule))

    def drop_rules(self, namespace: str = "") -> None:
        """Drops the rules of one namespace, or all."""
        kept = (item for item in self._rules if namespace not in {"", item.namespace})
        self._set_rules(tuple(kept))

    def endpoint(
        self, service: str, namespace: str, port: str | int, *, deadline_seconds: float = 30.0
    ) -> Endpoint:
        """Waits for a ready Pod behind a Service and answers where it serves a port.

        Args:
            service: Name of the Service.
            namespace: Its namespace.
            port: Name or number of the Service's port.
            deadline_seconds: How long to wait.

        Raises:
            DeadlineError: No Pod became ready.
        """
        manifest = self._plane.admin.get("v1/Service", service, namespace)
        selector = ",".join(f"{key}={value}" for key, value in manifest["spec"]["selector"].items())
        chosen = next(
            item for item in manifest["spec"]["ports"] if port in {item.get("name"), item["port"]}
        )
        pod = self._wait_ready_pod(namespace, selector, deadline_seconds)
        target = resolve_target_port(pod, chosen.get("targetPort", chosen["port"]))
        return Endpoint(pod["status"]["podIP"], target)

    def read_log(self, pod: str, namespace: str, container: str) -> str:
        """Answers what a container printed in all its runs; logs outlive their Pods."""
        path = self.directory / "logs" / namespace / pod / f"{container}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def claim_directory(self, claim: str, namespace: str) -> Path:
        """Answers the folder that holds a claim's data, for tests that look at the bytes."""
        manifest = self._plane.admin.get("v1/PersistentVolumeClaim", claim, namespace)
        return self.directory / "claims" / str(manifest["metadata"]["uid"])

    def _wait_ready_pod(self, namespace: str, selector: str, deadline_seconds: float) -> Manifest:
        """Polls until a Pod of a selector is ready."""
        waiting = threading.Event()
        for _ in range(int(deadline_seconds / 0.05) + 1):
            pods = self._plane.admin.list("v1/Pod", namespace, labels=selector)
            ready = next((pod for pod in pods if is_pod_ready(pod)), None)
            if ready is not None:
                return ready
            waiting.wait(0.05)
        raise DeadlineError(
            f"no Pod of {selector} in {namespace} was ready within {deadline_seconds} s"
        )

    def _set_rules(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._call(self._take_rules)

    def _take_rules(self) -> None:
        if self._node is not None:
            self._node.rules = self._rules
            self._node.look_again()

    def _call(self, function: Callable[[], None]) -> None:
        """Runs a function on the loop and waits for it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return

        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), loop).result(START_SECONDS)

    def _run(self) -> None:
        """The thread: one loop from start to stop."""
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for the start
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        """Serves until told to stop."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        address = Address(self._plane.url, self._plane.authority, self._plane.plant.tokens[KUBELET])
        settings = NodeSettings(address, self.directory, self._environment, self._rate)
        self._node = Node(settings, self._fallback)
        self._node.rules = self._rules
        serving = asyncio.create_task(self._node.run(self._started.set))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def resolve_target_port(pod: Manifest, target: str | int) -> int:
    """The number of a Service's target port, looked up by name in the Pod's containers."""
    if isinstance(target, int):
        return target
    ports = (port for item in pod["spec"]["containers"] for port in item.get("ports") or ())
    return next(int(port["containerPort"]) for port in ports if port.get("name") == target)
