"""Keeps the Pods that run as processes: makes them, finds them, ends them, feeds them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx

from steward_lab.errors import ApiError
from steward_lab.kubelet.api import NodeClient
from steward_lab.kubelet.containers import Ground
from steward_lab.kubelet.environment import Objects
from steward_lab.kubelet.events import EventWriter
from steward_lab.kubelet.files import parse_data
from steward_lab.kubelet.hosts import HostsFiles
from steward_lab.kubelet.mirrors import Mirrors
from steward_lab.kubelet.needs import CLAIM, SECRET, build_needs
from steward_lab.kubelet.runs import PodRunner
from steward_lab.kubelet.volumes import PodVolumes, Sources
from steward_lab.kubelet.watching import Key, build_key

Manifest = dict[str, Any]
logger = logging.getLogger(__name__)
HOSTS_DELAY_SECONDS = 0.02
TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What processes need of the node.

    Attributes:
        directory: Folder for Pods, logs and hosts files.
        environment: Variables of every process beside the usual ones.
        url: Address of the API server, for clients inside Pods.
        find_volume: Answers the folder of a claim.
        unserved: Address of Services without a ready Pod.
    """

    directory: Path
    environment: Mapping[str, str]
    url: str
    find_volume: Callable[[Manifest], Path]
    unserved: str


def build_image_environment(settings: HostSettings, pod: Manifest) -> dict[str, str]:
    """What an image and the cluster give a container; its own interpreter comes first on PATH."""
    url = urlsplit(settings.url)
    folders = (str(Path(sys.executable).parent), os.defpath, "/usr/local/sbin", "/usr/sbin")
    return {
        "PATH": ":".join(folders),
        "HOME": "/",
        "HOSTNAME": pod["metadata"]["name"],
        "LANG": "C.UTF-8",
        "KUBERNETES_SERVICE_HOST": url.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(url.port),
        **settings.environment,
    }


class ProcessHost:
    """All Pods of this node that run as processes, by uid."""

    def __init__(
        self,
        client: NodeClient,
        mirrors: Mirrors,
        events: EventWriter,
        *,
        settings: HostSettings,
        on_change: Callable[[Key], None],
    ) -> None:
        """Starts empty; `on_change` is told a Pod's key whenever its status may differ."""
        self._client = client
        self._mirrors = mirrors
        self._events = events
        self._settings = settings
        self._on_change = on_change
        self._hosts = HostsFiles(settings.directory / "hosts", settings.unserved)
        self._runners: dict[str, PodRunner] = {}
        self._users: dict[tuple[str, str, str], set[str]] = {}
        self._planned: asyncio.TimerHandle | None = None

    def find(self, uid: str) -> PodRunner | None:
        """The runner of a Pod, if it runs as processes."""
        return self._runners.get(uid)

    def start(self, pod: Manifest, address: str) -> PodRunner:
        """Starts a Pod's processes."""
        metadata, (namespace, name) = pod["metadata"], build_key(pod)
        directory = self._settings.directory / "pods" / metadata["uid"]
        volumes = PodVolumes(pod, directory / "volumes", self._build_sources(pod))
        ground = Ground(
            pod=pod,
            address=address,
            directory=directory,
            logs=self._settings.directory / "logs" / namespace / name,
            hosts=self._hosts.path(namespace),
            volumes=volumes,
            environment=build_image_environment(self._settings, pod),
            fetch_objects=partial(self._fetch_objects, pod),
            complain=partial(self._complain, pod),
            on_change=partial(self._on_change, (namespace, name)),
        )
        runner = PodRunner(ground)
        self._runners[metadata["uid"]] = runner
        for need in build_needs(pod):
            users = self._users.setdefault((need.kind, namespace, need.name), set())
            users.add(metadata["uid"])
        runner.start()
        self.plan_hosts()
        return runner

    def refresh(self, kind: str, key: Key) -> None:
        """Tells the Pods that mount an object that it has changed."""
        for uid in self._users.get((kind, *key), ()):
            self._runners[uid].refresh()

    async def forget(self, uid: str) -> None:
        """Ends what still runs of a Pod that is gone from the API."""
        runner = self._runners.pop(uid, None)
        if runner is None:
            return
        for users in self._users.values():
            users.discard(uid)
        await runner.kill()

    async def close(self) -> None:
        """Ends everything at once."""
        if self._planned is not None:
            self._planned.cancel()
        for uid in list(self._runners):
            await self.forget(uid)

    def plan_hosts(self) -> None:
        """Rewrites the hosts files soon; news that come close together make one writing."""
        if self._runners and self._planned is None:
            loop = asyncio.get_running_loop()
            self._planned = loop.call_later(HOSTS_DELAY_SECONDS, self._write_hosts)

    def _write_hosts(self) -> None:
        self._planned = None
        services, pods = self._mirrors.services.objects, self._mirrors.pods.objects
        self._hosts.refresh(services.values(), pods.values())

    async def _complain(self, pod: Manifest, reason: str, message: str) -> None:
        """Writes an Event; that it fails must not end the Pod."""
        try:
            await self._events.emit(pod, reason, message)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("event %s of %s: %s", reason, pod["metadata"]["name"], error)

    def _build_sources(self, pod: Manifest) -> Sources:
        """Where the volumes of a Pod get their content."""
        namespace = pod["metadata"]["namespace"]
        claims = self._mirrors.claims.objects
        return Sources(
            fetch=partial(self._fetch, namespace),
            find_claim=lambda name: self._settings.find_volume(claims[(namespace, name)]),
            request_token=partial(self._request_token, pod),
        )

    async def _fetch(self, namespace: str, kind: str, name: str) -> dict[str, bytes] | None:
        """Reads the entries of a Secret or ConfigMap; None if there is none."""
        plural = "secrets" if kind == SECRET else "configmaps"
        path = f"/api/v1/namespaces/{namespace}/{plural}/{name}"
        try:
            return parse_data(await self._client.request("GET", path))
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None

    async def _fetch_objects(self, pod: Manifest) -> Objects:
        """Reads everything that a Pod's environment variables refer to."""
        needs = {
            (need.kind, need.name)
            for need in build_needs(pod)
            if not need.volume and need.kind != CLAIM
        }
        namespace = pod["metadata"]["namespace"]
        found = {need: await self._fetch(namespace, *need) for need in needs}
        return {need: entries for need, entries in found.items() if entries is not None}

    async def _request_token(self, pod: Manifest, source: Manifest) -> str:
        """Asks for a token of the Pod's ServiceAccount, bound to the Pod."""
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName", "default")
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        reference = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        spec: Manifest = {
            "expirationSeconds": source.get("expirationSeconds", TOKEN_SECONDS),
            "boundObjectRef": reference,
        }
        if source.get("audience"):
            spec["audiences"] = [source["audience"]]
        answer = await self._client.request("POST", path, body={"spec": spec})
        return str(answer["status"]["token"])
