"""Kubernetes Events about our objects: one per change of a condition, never repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from steward_operator.errors import ApiError
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import EVENTS, Resource
from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest
from steward_operator.plan.world import Event
from steward_operator.telemetry import log

MESSAGE_LENGTH_MAX: Final = 1024
"""Kubernetes refuses a longer note."""


class EventPoster:
    """Posts Events; one that is refused is logged and forgotten, since status says the same."""

    def __init__(
        self, client: KubeClient, now: Callable[[], datetime], draw_name: Callable[[], str]
    ) -> None:
        """Post through `client`.

        Args:
            client: The client.
            now: Time of the Event.
            draw_name: A fresh suffix for its name.
        """
        self._client = client
        self._now = now
        self._draw_name = draw_name

    async def post(self, resource: Resource, subject: Subject, uid: str, event: Event) -> None:
        """Post one Event about `subject`."""
        time = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest: Manifest = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": f"{subject.name}.{self._draw_name()}",
                "namespace": subject.namespace,
            },
            "involvedObject": {
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "namespace": subject.namespace,
                "name": subject.name,
                "uid": uid,
            },
            "type": event.type.value,
            "reason": event.reason,
            "message": event.message[:MESSAGE_LENGTH_MAX],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        try:
            await self._client.create(EVENTS, manifest)
        except ApiError as error:
            log().warning("event_not_posted", **error.explain())
