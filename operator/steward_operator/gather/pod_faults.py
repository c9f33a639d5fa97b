"""Looks at the Pods of a runtime that does not come up, rarely, and only while it does not.

Pods are not watched: their faults are read when a Deployment has been without an available Pod for
some seconds, and then again at growing intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from steward_operator import labels, names
from steward_operator.errors import AbsentError, ApiError
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient, Selection
from steward_operator.kube.resources import PODS, VOLUME_CLAIMS
from steward_operator.names import Component
from steward_operator.objects import Manifest
from steward_operator.plan.pod_fault import has_unstarted, resolve_pod_fault
from steward_operator.plan.upgrade import gather_facts, is_fatal
from steward_operator.plan.world import PodFault
from steward_operator.telemetry import log

FIRST_LOOK_SECONDS: Final = 5.0
"""Most Pods are available by then, and cost no request."""
NEXT_LOOK_SECONDS: Final = 10.0
LAST_LOOK_SECONDS: Final = 60.0
"""Each pause is twice the one before, from `NEXT_LOOK_SECONDS` to this."""
PAGE_SIZE: Final = 20


@dataclass(slots=True)
class _Record:
    """One Deployment without an available Pod."""

    version: str
    """Deployment, image and Blueprint: what was wrong with others says nothing."""
    due_at: float
    pause_seconds: float = NEXT_LOOK_SECONDS
    fault: PodFault | None = None


class PodFaults:
    """Remembers why Pods do not come up, and when to look again."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        """Read through `client`; `clock` is monotonic seconds."""
        self._client = client
        self._clock = clock
        self._records: dict[Subject, _Record] = {}
        self._seen: set[Subject] = set()

    async def gather(self, subject: Subject, children: Iterable[Manifest]) -> PodFault | None:
        """Return what is wrong with the Pods; None while they serve, and where nothing is known.

        What is without a Pod at first sight has been so under an operator before this one, whose
        findings must not be forgotten: that is looked at at once.
        """
        is_first = subject not in self._seen
        self._seen.add(subject)
        deployment = next((c for c in children if c["kind"] == "Deployment"), None)
        facts = gather_facts(deployment) if deployment is not None else None
        if deployment is None or facts is None or facts.is_available or facts.is_empty:
            self._records.pop(subject, None)
            return None
        now = self._clock()
        version = f"{deployment['metadata']['uid']} {facts.image} {facts.digest}"
        record = self._records.get(subject)
        if record is None or record.version != version:
            record = self._records[subject] = _Record(
                version, now if is_first else now + FIRST_LOOK_SECONDS
            )
        if now >= record.due_at:
            record.due_at = now + record.pause_seconds
            record.pause_seconds = min(LAST_LOOK_SECONDS, record.pause_seconds * 2.0)
            record.fault = await self._look(subject, record.fault)
        return record.fault

    def is_failing(self, subject: Subject) -> bool:
        """Say whether image or container were at fault at the last look."""
        record = self._records.get(subject)
        return record is not None and is_fatal(record.fault)

    def seconds_to_next(self, subject: Subject) -> float | None:
        """Return when to look again, None while nothing is wrong."""
        record = self._records.get(subject)
        return None if record is None else max(0.0, record.due_at - self._clock())

    def forget(self, subject: Subject) -> None:
        """Drop a deleted Assistant."""
        self._records.pop(subject, None)
        self._seen.discard(subject)

    async def _look(self, subject: Subject, before: PodFault | None) -> PodFault | None:
        selected = labels.labels_that_select_pods(subject.name, Component.RUNTIME)
        selector = ",".join(f"{name}={value}" for name, value in selected.items())
        pods: list[Manifest] = []
        try:
            chosen = Selection(subject.namespace, labels=selector)
            async for page in self._client.pages(PODS, chosen, PAGE_SIZE):
                pods.extend(page.items)
            claim = await self._read_claim(subject) if has_unstarted(pods) else None
        except ApiError as error:
            # It only explains; the pass goes on without.
            log().warning("pods_not_seen", name=subject.name, **error.explain())
            return before
        return resolve_pod_fault(pods, names.deployment_name(subject.name), claim)

    async def _read_claim(self, subject: Subject) -> Manifest | None:
        name = names.data_claim_name(subject.name)
        try:
            return await self._client.get(VOLUME_CLAIMS, subject.namespace, name)
        except AbsentError:
            return None
