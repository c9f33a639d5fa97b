"""List, then watch: what a sink is told when streams end, expire, or were never there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from steward_operator.errors import ExpiredError, UnavailableError
from steward_operator.kube.client import KubeClient, Page, Selection, WatchEvent
from steward_operator.kube.resources import SERVICES, Resource
from steward_operator.objects import Manifest
from steward_operator.pump.following import Follower


def build_service(name: str, version: str) -> Manifest:
    """A Service at a version."""
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": version}}


class Scripted(KubeClient):
    """A client whose lists and watches are told beforehand; the last watch hangs."""

    def __init__(self, lists: list[list[Manifest]], watches: list[Any]) -> None:
        """Give `lists` and `watches` in order."""
        self.lists, self.watches = lists, watches
        self.asked: list[tuple[str, Any]] = []
        self.is_done = asyncio.Event()

    async def pages(
        self, resource: Resource, selection: Selection, page_size: int = 0
    ) -> AsyncGenerator[Page]:
        """Yield the next list as one page."""
        del resource, page_size
        self.asked.append(("list", selection.metadata_only))
        yield Page(tuple(self.lists.pop(0)), f"list-{len(self.asked)}")

    async def watch(
        self, resource: Resource, selection: Selection, resource_version: str
    ) -> AsyncGenerator[WatchEvent]:
        """Yield the next watch's events, raise its fault, or hang."""
        del resource, selection
        self.asked.append(("watch", resource_version))
        if not self.watches:
            self.is_done.set()
            await asyncio.Event().wait()
        told = self.watches.pop(0)
        if isinstance(told, Exception):
            raise told
        for event in told:
            yield event


class Notes:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.told: list[str] = []

    def begin_list(self) -> None:
        """Note it."""
        self.told.append("begin")

    def take_listed(self, manifest: Manifest, *, is_first: bool) -> None:
        """Note name and whether it came with the first list."""
        self.told.append(f"{manifest['metadata']['name']}:{is_first}")

    def end_list(self) -> None:
        """Note it."""
        self.told.append("end")

    def take_event(self, kind: str, manifest: Manifest) -> None:
        """Note kind and name."""
        self.told.append(f"{kind} {manifest['metadata']['name']}")


async def follow(client: Scripted) -> list[str]:
    """Run a follower until its script is over, and return what the sink was told."""
    notes = Notes()
    follower = Follower(client, SERVICES, Selection(metadata_only=True), notes)
    await follower.sync()
    task = asyncio.create_task(follower.follow(lambda: 0.0))
    await asyncio.wait_for(client.is_done.wait(), 10)
    task.cancel()
    return notes.told


async def test_the_first_list_is_whole_and_the_watch_goes_on_from_it() -> None:
    """Later versions come by the watch, which resumes from the last thing heard."""
    bookmark = WatchEvent("BOOKMARK", build_service("", "9"))
    added = WatchEvent("ADDED", build_service("b", "7"))
    client = Scripted([[build_service("a", "1")]], [[added], [bookmark]])
    assert await follow(client) == ["begin", "a:True", "end", "ADDED b"]
    assert client.asked == [
        ("list", False),
        ("watch", "list-1"),
        ("watch", "7"),
        ("watch", "9"),
    ]


async def test_a_forgotten_version_means_a_new_list() -> None:
    """After 410 everything is listed again, as metadata, and the sink learns what is gone."""
    client = Scripted(
        [[build_service("a", "1")], []], [ExpiredError("watch", "too old", status=410)]
    )
    assert await follow(client) == ["begin", "a:True", "end", "begin", "end"]
    assert client.asked[2:] == [("list", True), ("watch", "list-3")]


async def test_a_cut_watch_resumes_where_it_was() -> None:
    """No list is needed for a lost connection."""
    client = Scripted([[]], [UnavailableError("watch", "cut", retry_after_seconds=0.0)])
    await follow(client)
    assert client.asked == [("list", False), ("watch", "list-1"), ("watch", "list-1")]
