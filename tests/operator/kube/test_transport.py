"""The client against a scripted server on loopback: every way in which an answer can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from steward_operator.errors import (
    AlreadyThereError,
    ConfigurationError,
    ExpiredError,
    OutdatedError,
    UnavailableError,
)
from steward_operator.kube.client import KubeClient, Selection, WatchEvent
from steward_operator.kube.connection import Connection
from steward_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, resource_of
from steward_operator.kube.throttle import Throttle
from steward_operator.kube.transport import Transport
from steward_operator.objects import Manifest, ObjectKey

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MANIFEST: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "n"},
}


class Script:
    """A server that gives the answers it was told to give, and keeps the questions."""

    def __init__(self) -> None:
        """Know no answer yet."""
        self.answers: list[Answer] = []
        self.asked: list[web.Request] = []
        self.bodies: list[str] = []

    def say(self, document: Any, status: int = 200, **headers: str) -> None:
        """Answer the next question with a JSON document."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(document, status=status, headers=headers)

        self.answers.append(answer)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Give the next answer."""
        self.asked.append(request)
        self.bodies.append(await request.text())
        return await self.answers.pop(0)(request)


@pytest.fixture
async def script() -> AsyncIterator[tuple[Script, str]]:
    """A running script and its address."""
    played = Script()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", played.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield played, f"http://127.0.0.1:{port}"
    await runner.cleanup()


def write_kubeconfig(path: Path, server: str, user: str = "first") -> Path:
    """A kubeconfig with a bearer token."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": user}}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.fixture
async def client(script: tuple[Script, str], tmp_path: Path) -> AsyncIterator[KubeClient]:
    """A client of the script."""
    connection = Connection(write_kubeconfig(tmp_path / "config", script[1]))
    await connection.load()
    throttle = Throttle(asyncio.get_running_loop().time)
    yield KubeClient(Transport(connection, throttle), "tester")
    await connection.close()


async def test_pages_follow_the_continue_token(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Each page asks for the next; the last has no token."""
    script[0].say({"items": [{"a": 1}], "metadata": {"continue": "t", "resourceVersion": "5"}})
    script[0].say({"items": [{"a": 2}], "metadata": {"resourceVersion": "5"}})
    pages = [page async for page in client.pages(CONFIG_MAPS, Selection(labels="x=y"), 1)]
    assert [page.items for page in pages] == [({"a": 1},), ({"a": 2},)]
    assert script[0].asked[1].query["continue"] == "t"
    assert {request.query["labelSelector"] for request in script[0].asked} == {"x=y"}


async def test_an_empty_list_of_metadata_is_null_and_not_a_crash(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """The API server sends `items: null` where there is nothing."""
    script[0].say({"items": None, "metadata": {"resourceVersion": "5"}})
    selection = Selection(metadata_only=True)
    (page,) = [page async for page in client.pages(CONFIG_MAPS, selection)]
    assert page.items == ()
    assert "PartialObjectMetadataList" in script[0].asked[0].headers["Accept"]


async def test_apply_sends_what_was_read_as_preconditions(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Uid and resourceVersion guard against a newer or re-created object."""
    script[0].say({"metadata": {"resourceVersion": "8"}})
    await client.apply(CONFIG_MAPS, MANIFEST, uid="u", resource_version="7")
    request = script[0].asked[0]
    assert request.method == "PATCH"
    assert request.content_type == "application/apply-patch+yaml"
    assert dict(request.query) == {"fieldManager": "tester", "force": "true"}
    metadata = yaml.safe_load(script[0].bodies[0])["metadata"]
    assert (metadata["uid"], metadata["resourceVersion"]) == ("u", "7")
    assert "uid" not in MANIFEST["metadata"]


async def test_a_deployment_is_answered_whole_and_other_kinds_as_metadata(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Only kinds that are seen whole are sent back whole."""
    deployment = {**MANIFEST, "apiVersion": "apps/v1", "kind": "Deployment"}
    for manifest in (MANIFEST, deployment):
        script[0].say({"metadata": {}}, 201)
        await client.create(resource_of(manifest), manifest)
    accepted = [request.headers["Accept"] for request in script[0].asked]
    assert "PartialObjectMetadata" in accepted[0]
    assert accepted[1] == "application/json"


async def test_a_dry_run_says_so_in_the_address(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """A probe must never store anything, and the audit log must show that it could not."""
    script[0].say({"reason": "AlreadyExists"}, 409)
    with pytest.raises(AlreadyThereError):
        await client.create(CONFIG_MAPS, MANIFEST, is_dry_run=True)
    assert script[0].asked[0].query["dryRun"] == "All"


async def test_delete_and_edit_name_exactly_one_version(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Both carry uid and resourceVersion."""
    key = ObjectKey("v1", "ConfigMap", "n", "a", "u", "7")
    script[0].say({"reason": "Conflict"}, 409)
    with pytest.raises(OutdatedError):
        await client.delete(CONFIG_MAPS, key)
    assert yaml.safe_load(script[0].bodies[0])["preconditions"] == {
        "uid": "u",
        "resourceVersion": "7",
    }
    script[0].say({"metadata": {"resourceVersion": "8"}})
    await client.edit(CONFIG_MAPS, key, [{"op": "remove", "path": "/data/x"}])
    assert [edit["op"] for edit in yaml.safe_load(script[0].bodies[1])] == [
        "test",
        "replace",
        "remove",
    ]


async def test_a_server_that_is_too_busy_is_left_alone_by_everybody(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Retry-After of one answer holds back the next request, whoever sends it."""
    script[0].say({}, 429, **{"Retry-After": "0.3"})
    script[0].say({"metadata": {}})
    with pytest.raises(UnavailableError):
        await client.get(CONFIG_MAPS, "n", "a")
    began = asyncio.get_running_loop().time()
    await client.get(CONFIG_MAPS, "n", "b")
    assert asyncio.get_running_loop().time() - began >= 0.25


async def test_new_credentials_are_read_after_a_401(
    script: tuple[Script, str], tmp_path: Path
) -> None:
    """A rotated token is found without a restart."""
    path = write_kubeconfig(tmp_path / "config", script[1])
    connection = Connection(path, reload_seconds=0.0)
    await connection.load()
    client = KubeClient(Transport(connection, Throttle(asyncio.get_running_loop().time)), "tester")
    write_kubeconfig(path, script[1], "second")
    script[0].say({}, 401)
    script[0].say({"metadata": {}})
    with pytest.raises(UnavailableError):
        await client.get(CONFIG_MAPS, "n", "a")
    await client.get(CONFIG_MAPS, "n", "a")
    sent = [request.headers["Authorization"] for request in script[0].asked]
    assert sent == ["Bearer first", "Bearer second"]
    await connection.close()


async def test_garbage_and_a_closed_door_are_unavailable(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """A body that is no JSON and a server that is not there may pass."""

    async def garbage(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    script[0].answers.append(garbage)
    with pytest.raises(UnavailableError):
        await client.get(CONFIG_MAPS, "n", "a")


async def collect(client: KubeClient, silence_seconds: float = 5.0) -> list[WatchEvent]:
    """Everything that one watch yields."""
    selection = Selection(silence_seconds=silence_seconds)
    return [event async for event in client.watch(DEPLOYMENTS, selection, "1")]


def stream(*lines: str, is_hanging: bool = False) -> Answer:
    """An answer that sends lines, and then ends or hangs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for line in lines:
            await response.write(line.encode())
        if is_hanging:
            await asyncio.sleep(3)
        return response

    return answer


async def test_a_watch_yields_events_and_ends_with_the_server(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Bookmarks are asked for and handed on."""
    line = '{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}\n'
    script[0].answers.append(stream(line, "\n"))
    (event,) = await collect(client)
    assert event.type == "BOOKMARK"
    assert script[0].asked[0].query["allowWatchBookmarks"] == "true"
    assert script[0].asked[0].query["resourceVersion"] == "1"


async def test_a_watch_from_too_long_ago_is_expired(
    client: KubeClient, script: tuple[Script, str]
) -> None:
    """Both the answer 410 and the event ERROR say so."""
    script[0].say({"reason": "Expired"}, 410)
    with pytest.raises(ExpiredError):
        await collect(client)
    script[0].answers.append(stream('{"type": "ERROR", "object": {"code": 410}}\n'))
    with pytest.raises(ExpiredError):
        await collect(client)


async def test_a_silent_watch_is_dead(client: KubeClient, script: tuple[Script, str]) -> None:
    """A half-open connection is noticed by its silence."""
    script[0].answers.append(stream(is_hanging=True))
    with pytest.raises(UnavailableError):
        await collect(client, silence_seconds=0.2)


async def test_a_kubeconfig_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the file and the flag."""
    with pytest.raises(ConfigurationError, match=r"absent.*--kubeconfig"):
        await Connection(tmp_path / "absent").load()
