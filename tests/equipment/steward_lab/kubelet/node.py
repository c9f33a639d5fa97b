"""The kubelet's loop: registers the node, keeps the mirrors, and drives Pods and volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from steward_lab.errors import ApiError
from steward_lab.kubelet.addresses import AddressBook
from steward_lab.kubelet.api import Address, NodeClient, WriteBudget
from steward_lab.kubelet.events import EventWriter, read_clock
from steward_lab.kubelet.hosting import HostSettings, ProcessHost
from steward_lab.kubelet.mirrors import Mirrors
from steward_lab.kubelet.pods import PodWorker
from steward_lab.kubelet.queueing import KeyQueue
from steward_lab.kubelet.rules import Rule
from steward_lab.kubelet.statuses import HOST_ADDRESS, NODE_NAME
from steward_lab.kubelet.storage import Provisioner
from steward_lab.kubelet.watching import Key, Mirror

Manifest = dict[str, Any]
POD_WORKERS = 16
STORAGE_WORKERS = 4
ERROR_SECONDS = 0.5
CAPACITY = {"cpu": "1000", "memory": "4Ti", "pods": "10000", "ephemeral-storage": "1Ti"}


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a kubelet is made with.

    Attributes:
        address: The API server.
        directory: Folder for volumes, claims and logs.
        environment: Variables of every process.
        status_writes_per_second: Ceiling on status writes of Pods.
    """

    address: Address
    directory: Path
    environment: Mapping[str, str]
    status_writes_per_second: float = 100.0


class Node:
    """One kubelet; everything of it happens on the loop that `run` runs on.

    Attributes:
        rules: Rules by age; assign a new tuple and call `look_again`.
        fallback: Rule of Pods that no other chooses, or None.
    """

    def __init__(self, settings: NodeSettings, fallback: Rule | None) -> None:
        """Prepares; must be called on the loop."""
        self.rules: tuple[Rule, ...] = ()
        self.fallback = fallback
        self._addresses = AddressBook()
        self._client = NodeClient(settings.address, "lab-kubelet")
        self._queue, self._storage_queue = KeyQueue(), KeyQueue()
        self._storage = Provisioner(self._client, settings.directory / "claims")
        self._volumes = self._mirror("persistentvolumes", self._storage_queue.add)
        self._mirrors = Mirrors(
            pods=self._mirror("pods", self._on_pod),
            secrets=self._mirror("secrets", self._wake("Secret"), is_metadata=True),
            config_maps=self._mirror("configmaps", self._wake("ConfigMap"), is_metadata=True),
            claims=self._mirror("persistentvolumeclaims", self._on_claim),
            services=self._mirror("services", lambda _: self._host.plan_hosts()),
        )
        events = EventWriter(self._client)
        self._host = ProcessHost(
            self._client,
            self._mirrors,
            events,
            settings=HostSettings(
                settings.directory,
                settings.environment,
                settings.address.url,
                self._storage.volume_directory,
                self._addresses.unserved,
            ),
            on_change=self._queue.add,
        )
        self._pods = PodWorker(
            self._client,
            self._mirrors,
            self._queue,
            addresses=self._addresses,
            budget=WriteBudget(settings.status_writes_per_second),
            events=events,
            host=self._host,
            read_rules=lambda: (self.rules, self.fallback),
        )

    async def run(self, on_started: Callable[[], None]) -> None:
        """Serves until cancelled; calls `on_started` once everything is seen and registered."""
        await self._client.open()
        mirrors = (
            self._mirrors.secrets,
            self._mirrors.config_maps,
            self._mirrors.claims,
            self._volumes,
            self._mirrors.services,
            self._mirrors.pods,
        )
        watches: list[asyncio.Task[None]] = []
        workers: list[asyncio.Task[None]] = []
        try:
            await self._register()
            await self._storage.install()
            watches += [asyncio.create_task(mirror.run()) for mirror in mirrors]
            workers += [asyncio.create_task(self._pods.run()) for _ in range(POD_WORKERS)]
            workers += [asyncio.create_task(self._run_storage()) for _ in range(STORAGE_WORKERS)]
            for mirror in mirrors:
                await mirror.is_synced.wait()
            on_started()
            # Not gather, which would cancel the watches with this task, before their connections.
            done, _ = await asyncio.wait({*watches, *workers}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            # Workers first, lest they start a Pod again; connections before those that read them.
            await cancel_all(workers)
            await self._host.close()
            await self._client.close()
            await cancel_all(watches)
            self._addresses.close()

    def look_again(self) -> None:
        """Works on every Pod once more, as when rules have changed."""
        for key in self._mirrors.pods.objects:
            self._queue.add(key)

    def _mirror(
        self, plural: str, on_change: Callable[[Key], None], *, is_metadata: bool = False
    ) -> Mirror:
        return Mirror(self._client, f"/api/v1/{plural}", on_change, is_metadata=is_metadata)

    def _wake(self, kind: str) -> Callable[[Key], None]:
        return lambda key: self._pods.wake(kind, key)

    def _on_pod(self, key: Key) -> None:
        self._queue.add(key)
        self._host.plan_hosts()

    def _on_claim(self, key: Key) -> None:
        self._storage_queue.add(key)
        self._pods.wake("PersistentVolumeClaim", key)

    async def _run_storage(self) -> None:
        """Works on claims and volumes until cancelled; volumes have no namespace in their key."""
        while True:
            key = await self._storage_queue.take()
            try:
                claim = self._mirrors.claims.objects.get(key)
                volume = self._volumes.objects.get(key)
                if claim is not None:
                    await self._storage.sync_claim(claim)
                if volume is not None:
                    await self._storage.sync_volume(volume)
            except (ApiError, aiohttp.ClientError, TimeoutError):
                self._storage_queue.add_later(key, ERROR_SECONDS)
            finally:
                self._storage_queue.done(key)

    async def _register(self) -> None:
        """Creates the Node and says that it is ready; there are no heartbeats."""
        metadata = {"name": NODE_NAME, "labels": {"kubernetes.io/hostname": NODE_NAME}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        try:
            await self._client.request("POST", "/api/v1/nodes", body=node)
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:
                raise
        path = f"/api/v1/nodes/{NODE_NAME}"
        untainted = {"spec": {"taints": None}}
        await self._client.request("PATCH", path, body=untainted, patch_type="merge")
        now = read_clock()
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "the lab's kubelet runs",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        status = {
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}],
            "capacity": CAPACITY,
            "allocatable": CAPACITY,
        }
        body = {"status": status}
        await self._client.request("PATCH", f"{path}/status", body=body, patch_type="merge")


async def cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels tasks and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
