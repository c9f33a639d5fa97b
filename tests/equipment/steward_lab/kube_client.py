"""A small synchronous client of the Kubernetes API for tests.

Kinds are named by text, `v1/ConfigMap` or `apps/v1/Deployment`, and objects are plain
dictionaries. Errors are `ApiError`; `find` answers None for what isn't there.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import yaml

from steward_lab.errors import ApiError, DeadlineError, LabError

Manifest = dict[str, Any]
REQUEST_SECONDS = 30.0
DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.05
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class KubeClient(AbstractContextManager["KubeClient"]):
    """Talks to one API server as one user; safe to share between threads."""

    def __init__(self, url: str, authority: Path, token: str, user_agent: str = "lab") -> None:
        """Trusts the given authority alone and sends the token with every request."""
        self.url = url
        self._resources: dict[str, tuple[str, bool]] = {}
        self._http = httpx.Client(
            base_url=url,
            verify=ssl.create_default_context(cafile=str(authority)),
            headers={"Authorization": f"Bearer {token}", "User-Agent": user_agent},
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Sends one request and answers the parsed JSON, or the text where it isn't JSON.

        Raises:
            ApiError: The server answered with an error status.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": content_type}
        answer = self._http.request(
            method, path, content=content, params=parameters, headers=headers
        )
        if answer.is_error:
            raise build_api_error(f"{method} {path}", answer.status_code, answer.text)
        kind = answer.headers.get("Content-Type", "")
        return answer.json() if kind.startswith("application/json") else answer.text

    def resolve_path(self, kind: str, namespace: str | None = None, name: str = "") -> str:
        """Answers the URL path of a kind's collection, or of one object in it.

        Raises:
            LabError: The server knows no such kind.
        """
        if kind not in self._resources:
            self._discover(kind.rpartition("/")[0])
        if kind not in self._resources:
            raise LabError(f"the API server has no kind {kind}: is its CRD applied?")
        plural, is_namespaced = self._resources[kind]
        api_version = kind.rpartition("/")[0]
        start = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        middle = f"/namespaces/{namespace}" if is_namespaced and namespace else ""
        return f"{start}{middle}/{plural}" + (f"/{name}" if name else "")

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Reads one object."""
        found: Manifest = self.request("GET", self.resolve_path(kind, namespace, name))
        return found

    def find(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """Reads one object, or answers None where there is none."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[Manifest, ...]:
        """Reads all objects of a kind, of one namespace or of all, by selector."""
        parameters = build_selectors(labels, fields)
        answer = self.request("GET", self.resolve_path(kind, namespace), parameters=parameters)
        api_version, _, kind_name = kind.rpartition("/")
        header = {"apiVersion": api_version, "kind": kind_name}
        return tuple({**header, **item} for item in answer["items"] or ())

    def create(self, manifest: Manifest, namespace: str | None = None) -> Manifest:
        """POSTs a new object and answers it as stored."""
        path = self.resolve_path(*self._place(manifest, namespace))
        created: Manifest = self.request("POST", path, body=manifest)
        return created

    def apply(
        self,
        manifest: Manifest,
        namespace: str | None = None,
        *,
        manager: str = "lab",
        is_dry_run: bool = False,
    ) -> Manifest:
        """Applies an object on the server's side, taking over fields that others own."""
        parameters = {"fieldManager": manager, "force": "true"}
        if is_dry_run:
            parameters["dryRun"] = "All"
        path = self.resolve_path(*self._place(manifest, namespace), manifest["metadata"]["name"])
        content_type = PATCH_TYPES["apply"]
        applied: Manifest = self.request(
            "PATCH", path, body=manifest, parameters=parameters, content_type=content_type
        )
        return applied

    def apply_files(self, *paths: Path, namespace: str | None = None) -> tuple[Manifest, ...]:
        """Applies every document of some YAML files, or of the YAML files in some folders."""
        files = [file for path in paths for file in _gather_yaml_files(path)]
        documents = [doc for file in files for doc in parse_documents(file.read_text("utf-8"))]
        return tuple(self.apply(document, namespace) for document in documents)

    def patch(
        self,
        kind: str,
        name: str,
        namespace: str | None,
        *,
        body: Any,
        patch_type: str = "merge",
        subresource: str = "",
    ) -> Manifest:
        """Patches an object or its subresource; types: merge, json, strategic, apply."""
        path = self.resolve_path(kind, namespace, name)
        path += f"/{subresource}" if subresource else ""
        patched: Manifest = self.request(
            "PATCH", path, body=body, content_type=PATCH_TYPES[patch_type]
        )
        return patched

    def replace(self, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """PUTs an object, which must carry its resourceVersion where it must not have changed."""
        path = self.resolve_path(*self._place(manifest, None), manifest["metadata"]["name"])
        path += f"/{subresource}" if subresource else ""
        replaced: Manifest = self.request("PUT", path, body=manifest)
        return replaced

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
    ) -> None:
        """Asks for the deletion of an object; an absent one is an `ApiError` with status 404."""
        parameters = {"propagationPolicy": propagation}
        self.request("DELETE", self.resolve_path(kind, namespace, name), parameters=parameters)

    def watch(
        self, kind: str, name: str, namespace: str | None, deadline_seconds: float
    ) -> Iterator[Manifest | None]:
        """Yields one object's states, beginning with the present one; None while it is absent.

        Ends silently when the deadline has passed.
        """
        deadline = time.monotonic() + deadline_seconds
        path = self.resolve_path(kind, namespace)
        fields = {"fieldSelector": f"metadata.name={name}"}
        while (left := deadline - time.monotonic()) > 0:
            listed = self.request("GET", path, parameters=fields)
            header = {"apiVersion": listed["apiVersion"], "kind": kind.rpartition("/")[2]}
            yield {**header, **listed["items"][0]} if listed["items"] else None
            version = listed["metadata"]["resourceVersion"]
            yield from self._stream(path, {**fields, "resourceVersion": version}, left)

    def replay(self, kind: str, namespace: str, resource_version: str) -> tuple[Manifest, ...]:
        """Answers every event that a watch from a resourceVersion tells, oldest first."""
        path = self.resolve_path(kind, namespace)
        parameters = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "1"}
        answer = self._http.get(path, params=parameters)
        if answer.is_error:
            raise build_api_error(f"GET {path}", answer.status_code, answer.text)
        return tuple(json.loads(line) for line in answer.text.splitlines() if line)

    def wait(
        self,
        kind: str,
        name: str,
        namespace: str | None,
        until: Callable[[Manifest], object],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Manifest:
        """Watches one object until `until` answers something true, and answers that state.

        Raises:
            DeadlineError: It did not in time; the message shows the last state.
        """
        last: Manifest | None = None
        for state in self.watch(kind, name, namespace, deadline_seconds):
            last = state
            if state is not None and until(state):
                return state
        raise DeadlineError(
            f"{kind} {namespace}/{name} was not as awaited within {deadline_seconds} s; "
            f"its last state:\n{yaml.safe_dump(last)}"
        )

    def wait_any(
        self,
        path: str,
        until: Callable[[Manifest], object],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Manifest:
        """Polls a collection by its URL path until an object in it is as awaited.

        Raises:
            DeadlineError: None was in time; the message shows what was there.
        """
        deadline = time.monotonic() + deadline_seconds
        items: tuple[Manifest, ...] = ()
        while time.monotonic() < deadline:
            items = tuple(self.request("GET", path)["items"] or ())
            for item in items:
                if until(item):
                    return item
            time.sleep(POLL_SECONDS)
        raise DeadlineError(
            f"nothing in {path} was as awaited within {deadline_seconds} s; "
            f"there were:\n{yaml.safe_dump_all(items)}"
        )

    def wait_gone(
        self,
        kind: str,
        name: str,
        namespace: str | None,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Watches one object until it is gone.

        Raises:
            DeadlineError: It was still there.
        """
        for state in self.watch(kind, name, namespace, deadline_seconds):
            if state is None:
                return
        raise DeadlineError(f"{kind} {namespace}/{name} was there after {deadline_seconds} s")

    def _stream(
        self, path: str, parameters: Mapping[str, str], seconds: float
    ) -> Iterator[Manifest | None]:
        """Yields the states of one watch until the server or the deadline ends it."""
        query = {**parameters, "watch": "true", "timeoutSeconds": str(max(1, int(seconds)))}
        try:
            with self._http.stream("GET", path, params=query, timeout=seconds) as answer:
                if answer.is_error:
                    raise build_api_error(f"GET {path}", answer.status_code, answer.read().decode())
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    yield None if event["type"] == "DELETED" else event["object"]
        except httpx.TransportError:
            return

    def _place(self, manifest: Manifest, namespace: str | None) -> tuple[str, str | None]:
        """The kind of a manifest, and the namespace it says or else the given one."""
        kind = f"{manifest['apiVersion']}/{manifest['kind']}"
        return kind, manifest["metadata"].get("namespace", namespace)

    def _discover(self, api_version: str) -> None:
        """Learns the plurals and scopes of one API version's kinds."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        for resource in self.request("GET", path)["resources"]:
            if "/" not in resource["name"]:
                found = (resource["name"], bool(resource["namespaced"]))
                self._resources[f"{api_version}/{resource['kind']}"] = found


def build_api_error(request: str, status: int, body: str) -> ApiError:
    """Makes an error of an answer, from its Status object where it has one."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = {}
    if not isinstance(parsed, dict) or "message" not in parsed:
        return ApiError(request, status, "", body[:500])
    return ApiError(request, status, str(parsed.get("reason", "")), str(parsed["message"]))


def build_selectors(labels: str, fields: str) -> dict[str, str]:
    """Query parameters of a list."""
    named = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in named.items() if value}


def parse_documents(text: str) -> tuple[Manifest, ...]:
    """Reads all non-empty documents of a YAML text."""
    return tuple(document for document in yaml.safe_load_all(text) if document)


def _gather_yaml_files(path: Path) -> Iterable[Path]:
    """The file itself, or the YAML files of a folder in order of name."""
    return sorted(path.glob("*.yaml")) if path.is_dir() else (path,)
