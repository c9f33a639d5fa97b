"""Keeps a copy of one collection by list and watch, and says which keys changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from steward_lab.errors import ApiError
from steward_lab.kubelet.api import NodeClient

Manifest = dict[str, Any]
Key = tuple[str, str]
RETRY_SECONDS = 0.2


def build_key(manifest: Manifest) -> Key:
    """Namespace and name of an object; the namespace is "" for cluster-scoped ones."""
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def read_version(manifest: Manifest) -> int:
    """The resourceVersion as a number; one server's versions may be compared."""
    return int(manifest["metadata"]["resourceVersion"])


class Mirror:
    """A collection's objects by key, as last seen.

    Attributes:
        objects: The objects; only their metadata where so asked.
        is_synced: Set once the first list is in.
    """

    def __init__(
        self,
        client: NodeClient,
        path: str,
        on_change: Callable[[Key], None],
        *,
        is_metadata: bool = False,
    ) -> None:
        """Prepares to mirror the collection at `path`; `run` does it."""
        self.objects: dict[Key, Manifest] = {}
        self.is_synced = asyncio.Event()
        self._client = client
        self._path = path
        self._on_change = on_change
        self._is_metadata = is_metadata

    async def run(self) -> None:
        """Mirrors until cancelled; a server that is away is asked again and again."""
        while True:
            try:
                version = await self._list()
                while version:
                    version = await self._follow(version)
            except (ApiError, aiohttp.ClientError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> str:
        """Replaces the copy by a fresh list and answers its version."""
        items, version = await self._client.list_all(self._path, is_metadata=self._is_metadata)
        fresh = {build_key(item): item for item in items}
        changed = [key for key in fresh.keys() | self.objects.keys() if self._differs(key, fresh)]
        self.objects = fresh
        for key in changed:
            self._on_change(key)
        self.is_synced.set()
        return version

    def _differs(self, key: Key, fresh: dict[Key, Manifest]) -> bool:
        if key not in fresh or key not in self.objects:
            return True
        old, new = self.objects[key]["metadata"], fresh[key]["metadata"]
        return bool(old["resourceVersion"] != new["resourceVersion"])

    async def _follow(self, version: str) -> str:
        """Applies one watch's events; answers the version to go on from, "" to list again."""
        async for kind, item in self._client.watch(
            self._path, version, is_metadata=self._is_metadata
        ):
            if kind == "ERROR":
                return ""
            version = item["metadata"]["resourceVersion"]
            if kind == "BOOKMARK":
                continue
            key = build_key(item)
            if kind == "DELETED":
                self.objects.pop(key, None)
            elif not self.put(item):
                continue
            self._on_change(key)
        return version

    def put(self, item: Manifest) -> bool:
        """Stores an object unless a newer one is known, such as the answer to our last write."""
        key = build_key(item)
        known = self.objects.get(key)
        if known is not None and read_version(known) > read_version(item):
            return False
        self.objects[key] = item
        return True
