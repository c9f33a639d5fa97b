"""Keeps the three kinds that rules are made of: list, then watch, and list again on any error."""

from __future__ import annotations

import base64
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from steward_netpol.selecting import Manifest, World, build_world, key_of

PATHS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
}
LIST_SECONDS = 30.0
# The server ends each watch after this time; a socket that is silent for longer is dead.
WATCH_SECONDS = 300
SILENCE_SECONDS = 330.0
AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is and how to be let in."""

    url: str
    token: str
    authority: ssl.SSLContext


def read_access(kubeconfig: Path) -> Access:
    """Reads a kubeconfig of the lab: one cluster, one user with a token."""
    given: dict[str, Any] = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = given["clusters"][0]["cluster"], given["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
    context = ssl.create_default_context(cadata=authority)
    return Access(cluster["server"], user["token"], context)


class Watcher:
    """Holds the present state of the three kinds.

    Attributes:
        changed: Set on each change.
    """

    def __init__(self, access: Access) -> None:
        """Prepares the watcher; `start` lets it run in threads that end with the process."""
        self.changed = threading.Event()
        self._access = access
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Manifest]] = {kind: {} for kind in PATHS}
        self._versions: dict[str, str] = {}

    def start(self) -> None:
        """Starts one thread per kind."""
        for kind in PATHS:
            threading.Thread(target=self._follow, args=(kind,), name=kind, daemon=True).start()

    def wait_complete(self) -> None:
        """Waits for the first list of every kind: rules of a part of the world would be wrong."""
        while len(self._versions) < len(PATHS):
            self.changed.wait()
            self.changed.clear()
        self.changed.set()

    def gather(self) -> tuple[World, Mapping[str, str]]:
        """Answers the world and the resource version of each kind, of one moment."""
        with self._lock:
            kinds = {kind: tuple(objects.values()) for kind, objects in self._objects.items()}
            versions = dict(self._versions)
        return build_world(kinds["pods"], kinds["namespaces"], kinds["policies"]), versions

    def _follow(self, kind: str) -> None:
        """Lists and watches one kind for ever; what is in force stays in force meanwhile."""
        while True:
            try:
                with self._open() as client:
                    self._list(client, kind)
                    while True:
                        self._watch(client, kind)
            except (httpx.HTTPError, ValueError, OSError) as error:
                logging.getLogger(__name__).warning("%s: %s; listing again", kind, error)
                time.sleep(AGAIN_SECONDS)

    def _open(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._access.url,
            headers={"Authorization": f"Bearer {self._access.token}"},
            timeout=httpx.Timeout(LIST_SECONDS, read=SILENCE_SECONDS),
            verify=self._access.authority,
            trust_env=False,
        )

    def _list(self, client: httpx.Client, kind: str) -> None:
        answer = client.get(PATHS[kind]).raise_for_status().json()
        with self._lock:
            self._objects[kind] = {key_of(item): item for item in answer["items"] or ()}
            self._versions[kind] = answer["metadata"]["resourceVersion"]
        self.changed.set()

    def _watch(self, client: httpx.Client, kind: str) -> None:
        for event in self._stream(client, kind):
            found = event["object"]
            if event["type"] == "ERROR":
                raise ValueError(f"the watch ended: {found.get('message', '')}")
            with self._lock:
                self._versions[kind] = found["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._objects[kind].pop(key_of(found), None)
                elif event["type"] != "BOOKMARK":
                    self._objects[kind][key_of(found)] = found
            self.changed.set()

    def _stream(self, client: httpx.Client, kind: str) -> Iterator[dict[str, Any]]:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            "resourceVersion": self._versions[kind],
        }
        with client.stream("GET", PATHS[kind], params=query) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                yield json.loads(line)
