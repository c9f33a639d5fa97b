"""When a status is written (pure), and the write with its Events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from steward_operator.apply.events import EventPoster
from steward_operator.errors import AbsentError
from steward_operator.gather.own_cache import OwnCache
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import CLUSTER_POLICIES, OWN
from steward_operator.objects import Manifest
from steward_operator.plan.parsing import OwnObject
from steward_operator.plan.world import Broken, Plan

QUIET_SECONDS: Final = 1.0
"""A status that is not good news waits until nothing has moved for this long, so that one write
tells of children, references and Deployment together."""
LATEST_SECONDS: Final = 2.0
"""It waits no longer than this in all."""

_RESOURCES: Final = {resource.kind: resource for resource in (*OWN, CLUSTER_POLICIES)}


@dataclass(slots=True)
class StatusTiming:
    """When things moved around one object, in monotonic seconds."""

    stirred_at: float
    """When a write of ours or a change of a spec was last seen."""
    pending_since: float | None = None
    """Since when a status waits to be written."""


def decide_status_delay(timing: StatusTiming, now: float, *, is_ready: bool) -> float:
    """Return the seconds that a changed status has still to wait; 0 means write it now."""
    if is_ready:
        return 0.0
    since = now if timing.pending_since is None else timing.pending_since
    due = min(timing.stirred_at + QUIET_SECONDS, since + LATEST_SECONDS)
    return max(0.0, due - now)


def has_ready_condition(status: Manifest) -> bool:
    """Say whether a planned status says Ready=True."""
    conditions = status.get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class StatusWriter:
    """Writes status and Events, once per change."""

    def __init__(
        self, client: KubeClient, cache: OwnCache, events: EventPoster, clock: Callable[[], float]
    ) -> None:
        """Write through `client`, remember in `cache`; `clock` is monotonic seconds."""
        self._client = client
        self._cache = cache
        self._events = events
        self._clock = clock

    async def apply(
        self,
        subject: Subject,
        content: OwnObject | Broken,
        plan: Plan,
        timing: StatusTiming,
    ) -> float | None:
        """Write the planned status if it is time; return the seconds to wait otherwise.

        Raises:
            OutdatedError: if the object has changed since it was read; the watch will tell.
            ApiError: if it could not be written for another reason.
        """
        if plan.status is None:
            timing.pending_since = None
            return None
        now = self._clock()
        delay = decide_status_delay(timing, now, is_ready=has_ready_condition(plan.status))
        if delay > 0:
            timing.pending_since = timing.pending_since or now
            return delay
        metadata = content.metadata
        resource = _RESOURCES[subject.kind]
        manifest = {
            "metadata": {"namespace": subject.namespace, "name": subject.name},
            "status": plan.status,
        }
        try:
            answer = await self._client.apply_status(
                resource, manifest, resource_version=metadata.resource_version
            )
        except AbsentError:
            return None
        timing.pending_since = None
        version = str(answer["metadata"]["resourceVersion"])
        self._cache.note_status(subject, plan.status, version)
        for event in plan.events:
            await self._events.post(resource, subject, metadata.uid, event)
        return None
