"""The kubelet's asynchronous client of the Kubernetes API, with a ceiling on its writes."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from steward_lab.kube_client import PATCH_TYPES, build_api_error

Manifest = dict[str, Any]
REQUEST_SECONDS = 30.0
# A watch is renewed this often, so that a connection that died unseen is noticed.
WATCH_SECONDS = 300
# Above the largest object that the API server stores, about 1.5 MB.
LINE_BYTES_MAX = 8 * 2**20
PAGE_SIZE = 500
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server is and who asks.

    Attributes:
        url: Such as `https://127.0.0.1:6443`.
        authority: PEM file of the only authority to trust.
        token: Bearer token.
    """

    url: str
    authority: Path
    token: str


class WriteBudget:
    """Lets at most so many writes a second begin; callers queue in order."""

    def __init__(self, writes_per_second: float) -> None:
        """Starts with nothing saved up."""
        self._interval_seconds = 1.0 / writes_per_second
        self._next = 0.0

    async def take(self) -> None:
        """Waits for the next free slot."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        slot = max(self._next, now)
        self._next = slot + self._interval_seconds
        await asyncio.sleep(slot - now)


class NodeClient:
    """Requests and watches, as plain dictionaries. Usable on the loop that `open` ran on."""

    def __init__(self, address: Address, user_agent: str) -> None:
        """Keeps the address; `open` makes the connections."""
        self._address = address
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        return self._session

    async def open(self) -> None:
        """Makes the connection pool."""
        headers = {
            "Authorization": f"Bearer {self._address.token}",
            "User-Agent": self._user_agent,
        }
        context = ssl.create_default_context(cafile=str(self._address.authority))
        self._session = aiohttp.ClientSession(
            self._address.url,
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=context, limit=64),
            read_bufsize=LINE_BYTES_MAX,
        )

    async def close(self) -> None:
        """Breaks all connections off, also those that watches hold.

        A polite end of TLS would wait for the server's answer, longer than the loop may live.
        """
        if self._session is None:
            return
        if isinstance(self._session.connector, aiohttp.TCPConnector):
            await self._session.connector.close(abort_ssl=True)
        await self._session.close()
        # The transports say goodbye in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        parameters: Mapping[str, str] | None = None,
        accept: str = "application/json",
        patch_type: str = "",
    ) -> Manifest:
        """Sends one request and answers the object.

        Raises:
            ApiError: The server answered with an error status.
            aiohttp.ClientError: It could not be asked.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = PATCH_TYPES.get(patch_type, "application/json")
        async with self.session.request(
            method,
            path,
            data=None if body is None else json.dumps(body).encode(),
            params=parameters,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        ) as answer:
            text = await answer.text()
        if answer.status >= 400:
            raise build_api_error(f"{method} {path}", answer.status, text)
        parsed: Manifest = json.loads(text)
        return parsed

    async def list_all(self, path: str, *, is_metadata: bool) -> tuple[list[Manifest], str]:
        """Lists a collection page by page; answers the items and the version to watch from."""
        accept = METADATA_LIST_ONLY if is_metadata else "application/json"
        parameters = {"limit": str(PAGE_SIZE)}
        items: list[Manifest] = []
        while True:
            page = await self.request("GET", path, parameters=parameters, accept=accept)
            # An empty PartialObjectMetadataList says null.
            items += page["items"] or []
            token = page["metadata"].get("continue")
            if not token:
                return items, page["metadata"]["resourceVersion"]
            parameters["continue"] = token

    async def watch(
        self, path: str, version: str, *, is_metadata: bool
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """Yields the type and object of each event until the server ends the watch."""
        parameters = {
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
            "allowWatchBookmarks": "true",
        }
        headers = {"Accept": METADATA_ONLY if is_metadata else "application/json"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=WATCH_SECONDS + REQUEST_SECONDS)
        async with self.session.get(
            path, params=parameters, headers=headers, timeout=timeout
        ) as answer:
            if answer.status >= 400:
                raise build_api_error(f"GET {path}", answer.status, await answer.text())
            async for line in answer.content:
                event = json.loads(line)
                yield event["type"], event["object"]
