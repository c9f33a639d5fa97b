"""List, then watch, for ever: one kind, selected on the server, handed to a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Protocol

from steward_operator.errors import ApiError, ExpiredError
from steward_operator.kube.client import KubeClient, Page, Selection
from steward_operator.kube.resources import Resource
from steward_operator.objects import Manifest
from steward_operator.pump.backoff import plan_retry_seconds
from steward_operator.telemetry import FAULTS, log

RETRY_SECONDS_MAX: Final = 30.0
"""A watch that fails comes back at least this often: blindness is worse than a request."""
REST_SECONDS: Final = 0.1
"""Between two watches, so that a server that ends each at once is not stormed."""
FULL_PAGE_SIZE: Final = 25
"""Whole Deployments are some 50 KB each while they are parsed; the peak stays in the process."""


class Sink(Protocol):
    """What becomes of lists and events of one kind."""

    def begin_list(self) -> None:
        """A list begins."""

    def take_listed(self, manifest: Manifest, *, is_first: bool) -> None:
        """One item of a list; items of the first list are whole."""

    def end_list(self) -> None:
        """The list is complete: what was not in it is gone."""

    def take_event(self, kind: str, manifest: Manifest) -> None:
        """One ADDED, MODIFIED or DELETED."""


class Follower:
    """Keeps one sink up to date with the API server."""

    def __init__(
        self, client: KubeClient, resource: Resource, selection: Selection, sink: Sink
    ) -> None:
        """Follow `selection` of `resource`.

        The first list is always of whole objects, later lists are as the selection says.
        """
        self._client = client
        self._resource = resource
        self._selection = selection
        self._sink = sink
        self._version = ""

    async def sync(self) -> None:
        """Make the first list.

        Raises:
            ApiError: if it cannot be had.
        """
        await self._list(replace(self._selection, metadata_only=False), is_first=True)

    async def follow(self, draw: Callable[[], float]) -> None:
        """Watch from where the first list ended, listing again when the server has forgotten it.

        Args:
            draw: Random number from 0 to 1, for jitter.
        """
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list(self._selection, is_first=False)
                await self._watch()
                failures = 0
                await asyncio.sleep(REST_SECONDS)
            except ExpiredError:
                self._version = ""
            except ApiError as error:
                failures += 1
                FAULTS.labels(error.reason).inc()
                log().warning("watch_failed", kind=self._resource.kind, **error.explain())
                delay = plan_retry_seconds(failures, error.retry_after_seconds, draw())
                await asyncio.sleep(min(delay, RETRY_SECONDS_MAX))

    async def _list(self, selection: Selection, *, is_first: bool) -> None:
        self._sink.begin_list()
        pages = (
            self._client.pages(self._resource, selection)
            if selection.metadata_only
            else self._client.pages(self._resource, selection, FULL_PAGE_SIZE)
        )
        page = Page((), "")
        async with aclosing(pages):
            async for page in pages:
                for item in page.items:
                    self._sink.take_listed(item, is_first=is_first)
        self._sink.end_list()
        self._version = page.resource_version

    async def _watch(self) -> None:
        events = self._client.watch(self._resource, self._selection, self._version)
        async with aclosing(events):
            async for event in events:
                if event.type != "BOOKMARK":
                    self._sink.take_event(event.type, event.object)
                self._version = str(event.object["metadata"]["resourceVersion"])
