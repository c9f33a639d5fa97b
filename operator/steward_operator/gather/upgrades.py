"""The upgrade of the runtime's image, seen over all Assistants at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.own_cache import ASSISTANT, OwnCache
from steward_operator.gather.pod_faults import PodFaults
from steward_operator.gather.subject import Subject
from steward_operator.plan.upgrade import Stage, Upgrade, decide_upgrade, resolve_stage
from steward_operator.plan.world import FREE, Turn
from steward_operator.settings import OperatorSettings
from steward_operator.telemetry import log

NOTHING: Final = Upgrade()


class Upgrades:
    """Says whose turn it is, and wakes those whose turn has come."""

    def __init__(
        self,
        own: OwnCache,
        children: ChildCache,
        pods: PodFaults,
        settings: OperatorSettings,
        wake: Callable[[Subject], None],
    ) -> None:
        """Look at what is remembered; `wake` asks for a pass."""
        self._own = own
        self._children = children
        self._pods = pods
        self._settings = settings
        self._wake = wake
        self._last = NOTHING

    async def recall(self) -> None:
        """Look at what an operator before this one left under way, before anybody restarts.

        Without it a failure that is known would be forgotten for a moment, and cost one more.
        """
        for subject, stage in tuple(self._stages()):
            if stage is Stage.ROLLING:
                children = self._children.manifests_of(subject.namespace, subject.name)
                await self._pods.gather(subject, children)

    def resolve_turn(self, subject: Subject) -> Turn:
        """Return whether an Assistant may restart now; decided anew from what is known now."""
        upgrade = self._decide()
        if subject not in upgrade.waiting or subject in upgrade.starting:
            return FREE
        stopped_by = upgrade.failed[0] if upgrade.failed else None
        return Turn(may_restart=False, stopped_by=stopped_by)

    def refresh(self) -> None:
        """Wake everybody for whom something has changed since the last time."""
        before, now = self._last, self._decide()
        self._last = now
        if before == now:
            return
        if before.failed[:1] != now.failed[:1]:
            self._tell(now)
            woken = now.waiting
        else:
            woken = now.starting - before.starting
        for subject in sorted(woken):
            self._wake(subject)

    def _decide(self) -> Upgrade:
        return decide_upgrade(self._stages(), self._settings.upgrade_max_concurrent)

    def _stages(self) -> Iterator[tuple[Subject, Stage]]:
        for key, record in self._children.deployments():
            subject = Subject(ASSISTANT, key.namespace, record.assistant)
            entry = self._own.get(subject)
            if record.facts is None or entry is None or entry.is_terminating:
                continue
            stage = resolve_stage(
                record.facts,
                self._settings.runtime_image,
                is_ready=entry.is_ready,
                is_failing=self._pods.is_failing(subject),
            )
            yield subject, stage

    def _tell(self, upgrade: Upgrade) -> None:
        if not upgrade.failed:
            log().info("upgrade_goes_on", image=self._settings.runtime_image)
            return
        failed = upgrade.failed[0]
        log().warning(
            "upgrade_stopped",
            image=self._settings.runtime_image,
            namespace=failed.namespace,
            name=failed.name,
            waiting=len(upgrade.waiting),
        )
