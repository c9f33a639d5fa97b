"""Writes a kubelet's Events: one object per Pod and message, whose count grows."""

from __future__ import annotations

import datetime
import secrets
from typing import Any

import httpx

from steward_lab.errors import ApiError
from steward_lab.kubelet.api import NodeClient
from steward_lab.kubelet.statuses import NODE_NAME

Manifest = dict[str, Any]


def read_clock() -> str:
    """The time now as Kubernetes writes it."""
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251 - statuses carry the real time
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


class EventWriter:
    """Counts repetitions by Pod, reason and message, as a kubelet does."""

    def __init__(self, client: NodeClient) -> None:
        """Starts with no memory of earlier Events."""
        self._client = client
        self._known: dict[tuple[str, str, str], tuple[str, int]] = {}

    async def emit(self, pod: Manifest, reason: str, message: str, kind: str = "Warning") -> None:
        """Writes an Event about a Pod, or raises the count of the same one."""
        metadata = pod["metadata"]
        identity = (metadata["uid"], reason, message)
        path = f"/api/v1/namespaces/{metadata['namespace']}/events"
        now = read_clock()
        name, count = self._known.get(identity, ("", 0))
        try:
            if name:
                body = {"count": count + 1, "lastTimestamp": now}
                await self._client.request("PATCH", f"{path}/{name}", body=body, patch_type="merge")
            else:
                name = f"{metadata['name']}.{secrets.token_hex(8)}"
                event = build_event(pod, name, now) | {
                    "reason": reason,
                    "message": message,
                    "type": kind,
                }
                await self._client.request("POST", path, body=event)
            self._known[identity] = (name, count + 1)
        except ApiError as error:
            # The namespace is going, or somebody deleted the Event.
            if error.status not in {httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN}:
                raise
            self._known.pop(identity, None)

    def forget(self, uid: str) -> None:
        """Drops what is known of a Pod that is gone."""
        for identity in [item for item in self._known if item[0] == uid]:
            del self._known[identity]


def build_event(pod: Manifest, name: str, now: str) -> Manifest:
    """The parts of an Event that don't depend on what happened."""
    metadata = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "source": {"component": "kubelet", "host": NODE_NAME},
        "reportingComponent": "kubelet",
        "reportingInstance": NODE_NAME,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
