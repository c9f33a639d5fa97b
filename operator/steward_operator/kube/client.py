"""The one client class: get, list, watch, create, apply, delete and status for every kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientTimeout

from steward_operator.kube.faults import parse_fault
from steward_operator.kube.resources import Resource
from steward_operator.kube.transport import FULL, Request, Transport
from steward_operator.objects import Manifest, ObjectKey

METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
APPLY: Final = "application/apply-patch+yaml"
EDIT: Final = "application/json-patch+json"

PAGE_SIZE: Final = 500
WATCH_SILENCE_SECONDS: Final = 75.0
"""A watch with bookmarks hears something each minute; after this it counts as dead."""
WATCH_SECONDS: Final = 540
"""How long one watch request may last on the server; it then goes on from where it was."""
WATCH_SILENCE_EVENTS_SECONDS: Final = 600.0
"""Events come without bookmarks, so only the end of the request is a sign of life."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Manifest


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind to list or watch."""

    namespace: str | None = None
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False
    silence_seconds: float = WATCH_SILENCE_SECONDS
    """How long a watch may hear nothing before it counts as dead."""

    def parameters(self) -> dict[str, str]:
        """Return the query parameters of both selectors."""
        given = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: tuple[Manifest, ...]
    resource_version: str


class KubeClient:
    """Talks to one API server for all kinds, over the untyped path of `kubernetes.aio`.

    Every method raises a subclass of `ApiError` and nothing else for what the server says or
    fails to say. Answers to writes hold metadata only: that is all anybody needs of them.
    """

    def __init__(self, transport: Transport, field_manager: str) -> None:
        """Send over `transport`.

        Args:
            transport: How requests reach the server.
            field_manager: Who owns the fields that we write.
        """
        self._transport = transport
        self._field_manager = field_manager

    async def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """Read one object in full."""
        attempt = _attempt("get", resource, namespace, name)
        return await self._transport.call(Request(attempt, "GET", resource.path(namespace, name)))

    async def read_openapi(self, group: str, version: str) -> Manifest:
        """Read the OpenAPI document of one group and version.

        Raises:
            AbsentError: if nothing of that group is served.
        """
        path = f"/openapi/v3/apis/{group}/{version}"
        return await self._transport.call(Request(f"read the schemas of {group}", "GET", path))

    async def pages(
        self, resource: Resource, selection: Selection, page_size: int = PAGE_SIZE
    ) -> AsyncGenerator[Page]:
        """Yield all pages of a list, each with the list's resourceVersion.

        Raises:
            ExpiredError: if the list took so long that its next page is gone; begin anew.
        """
        accept = METADATA_LIST if selection.metadata_only else FULL
        parameters = {**selection.parameters(), "limit": str(page_size)}
        path, attempt = resource.path(selection.namespace), _attempt("list", resource)
        while True:
            request = Request(attempt, "GET", path, parameters=dict(parameters), accept=accept)
            answer = await self._transport.call(request)
            metadata = answer.get("metadata") or {}
            # A PartialObjectMetadataList of nothing holds `items: null`.
            items = tuple(answer.get("items") or ())
            yield Page(items, str(metadata.get("resourceVersion", "")))
            if not metadata.get("continue"):
                return
            parameters["continue"] = metadata["continue"]

    async def watch(
        self, resource: Resource, selection: Selection, resource_version: str
    ) -> AsyncGenerator[WatchEvent]:
        """Yield what happens after `resource_version`, bookmarks included, until the server ends.

        Raises:
            ExpiredError: if `resource_version` is too old; list again.
            UnavailableError: if the stream is cut, or silent for too long.
        """
        attempt = _attempt("watch", resource)
        parameters = {
            **selection.parameters(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        request = Request(
            attempt,
            "GET",
            resource.path(selection.namespace),
            parameters=parameters,
            accept=METADATA if selection.metadata_only else FULL,
            timeout=ClientTimeout(total=None, sock_connect=10, sock_read=selection.silence_seconds),
        )
        async for event in self._transport.stream(request):
            document = event["object"]
            if event["type"] == "ERROR":
                raise parse_fault(attempt, int(document.get("code") or 500), document)
            yield WatchEvent(event["type"], document)

    async def create(
        self, resource: Resource, manifest: Manifest, *, is_dry_run: bool = False
    ) -> Manifest:
        """Create one object and return it as the server answers.

        Raises:
            AlreadyThereError: if the name is taken.
        """
        namespace, name = _place(manifest)
        return await self._transport.call(
            Request(
                _attempt("create", resource, namespace, name),
                "POST",
                resource.path(namespace),
                body=manifest,
                parameters=self._writer(is_dry_run=is_dry_run),
                accept=_answer_of(resource),
            )
        )

    async def replace(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Replace a whole object by its resourceVersion, and return its metadata.

        Raises:
            OutdatedError: if it has changed since it was read.
        """
        namespace, name = _place(manifest)
        return await self._transport.call(
            Request(
                _attempt("replace", resource, namespace, name),
                "PUT",
                resource.path(namespace, name),
                body=manifest,
                parameters=self._writer(),
                accept=METADATA,
            )
        )

    async def apply(
        self, resource: Resource, manifest: Manifest, *, uid: str, resource_version: str
    ) -> Manifest:
        """Apply our fields to an object that was read as `uid` at `resource_version`.

        Both are sent, so that a newer or re-created object is never overwritten.

        Raises:
            OutdatedError: if the object is no longer the one that was read.
        """
        namespace, name = _place(manifest)
        metadata = {**manifest["metadata"], "uid": uid, "resourceVersion": resource_version}
        return await self._transport.call(
            Request(
                _attempt("apply", resource, namespace, name),
                "PATCH",
                resource.path(namespace, name),
                body={**manifest, "metadata": metadata},
                parameters={**self._writer(), "force": "true"},
                accept=_answer_of(resource),
                content_type=APPLY,
            )
        )

    async def apply_status(
        self, resource: Resource, manifest: Manifest, *, resource_version: str
    ) -> Manifest:
        """Apply the status of an object that was read at `resource_version`.

        The resourceVersion is the only guard: `/status` accepts a wrong uid.

        Raises:
            OutdatedError: if the object has changed since.
        """
        namespace, name = _place(manifest)
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": resource_version},
            "status": manifest["status"],
        }
        return await self._transport.call(
            Request(
                _attempt("apply status of", resource, namespace, name),
                "PATCH",
                resource.path(namespace, name, "status"),
                body=body,
                parameters={**self._writer(), "force": "true"},
                accept=METADATA,
                content_type=APPLY,
            )
        )

    async def edit(self, resource: Resource, key: ObjectKey, edits: list[Manifest]) -> Manifest:
        """Apply JSON Patch operations to exactly the object that `key` names.

        Raises:
            OutdatedError: if the object has changed since it was read.
        """
        guards = [
            {"op": "test", "path": "/metadata/uid", "value": key.uid},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": key.resource_version},
        ]
        return await self._transport.call(
            Request(
                _attempt("edit", resource, key.namespace, key.name),
                "PATCH",
                resource.path(key.namespace, key.name),
                body=[*guards, *edits],
                parameters=self._writer(),
                accept=METADATA,
                content_type=EDIT,
            )
        )

    async def delete(self, resource: Resource, key: ObjectKey) -> None:
        """Delete exactly the object that `key` names, by uid and resourceVersion.

        Raises:
            OutdatedError: if it is no longer that one.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": key.uid, "resourceVersion": key.resource_version},
        }
        await self._transport.call(
            Request(
                _attempt("delete", resource, key.namespace, key.name),
                "DELETE",
                resource.path(key.namespace, key.name),
                body=options,
                accept=METADATA,
            )
        )

    def _writer(self, *, is_dry_run: bool = False) -> dict[str, str]:
        parameters = {"fieldManager": self._field_manager}
        return {**parameters, "dryRun": "All"} if is_dry_run else parameters


def _place(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata["namespace"], metadata["name"]


def _attempt(verb: str, resource: Resource, namespace: str = "", name: str = "") -> str:
    return f"{verb} {resource.kind} {namespace}/{name}" if name else f"{verb} {resource.plural}"


def _answer_of(resource: Resource) -> str:
    return FULL if resource.is_whole else METADATA
