"""The running operator: first lists, watches, workers, and what makes them stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from steward_api.v1alpha1 import Assistant
from steward_operator.apply.status import QUIET_SECONDS
from steward_operator.errors import (
    AbsentError,
    ApiError,
    ConfigurationError,
    ForbiddenError,
)
from steward_operator.gather.child_cache import Concern
from steward_operator.gather.mount_failures import SELECTION as MOUNT_FAILURES
from steward_operator.gather.own_cache import ASSISTANT, subject_of
from steward_operator.gather.subject import Subject
from steward_operator.gather.world import Stores
from steward_operator.kube.client import (
    WATCH_SILENCE_EVENTS_SECONDS,
    KubeClient,
    Selection,
)
from steward_operator.kube.resources import CHILDREN, EVENTS, OWN
from steward_operator.labels import SELECTOR_OF_CHILDREN
from steward_operator.objects import Manifest
from steward_operator.pump.backoff import plan_retry_seconds
from steward_operator.pump.bounds_following import BoundsFollower
from steward_operator.pump.following import FULL_PAGE_SIZE, Follower
from steward_operator.pump.ledger import Ledgers
from steward_operator.pump.passes import Passes, explain
from steward_operator.pump.queue import KeyedQueue
from steward_operator.pump.sinks import ChildSink, MountFailureSink
from steward_operator.telemetry import FAULTS, OBJECTS, PASS_SECONDS, PASSES, QUEUE_DEPTH, log

WORKERS: Final = 12
RELIST_DELAY_SECONDS: Final = 2.0


class Engine:
    """Owns queue, followers and workers."""

    def __init__(
        self,
        client: KubeClient,
        stores: Stores,
        passes: Passes,
        *,
        ledgers: Ledgers,
        namespace: str | None,
        resync_seconds: float,
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        """Join what was built; must be made inside the running loop.

        Args:
            client: The client.
            stores: What is remembered about the cluster.
            passes: What a worker does with a key.
            ledgers: Memory between passes.
            namespace: None for all namespaces.
            resync_seconds: How often metadata of our own kinds is listed, so that a deletion that
                no watch told of is found.
            clock: Monotonic seconds.
            draw: Random number from 0 to 1, for jitter.
        """
        self._client = client
        self._stores = stores
        self._passes = passes
        self._ledgers = ledgers
        self._namespace = namespace
        self._resync_seconds = resync_seconds
        self._clock = clock
        self._draw = draw
        self.queue = KeyedQueue()
        self.is_synced = False
        self.is_standing_by = False
        """True while another replica leads."""
        self._relist = asyncio.Event()
        self._started: dict[Subject, float] = {}
        children = Selection(namespace, labels=SELECTOR_OF_CHILDREN, metadata_only=True)
        self._followers: list[Follower] = [BoundsFollower(client, stores.policies, self._wake_all)]
        self._followers += [
            Follower(
                client,
                resource,
                replace(children, metadata_only=not resource.is_whole),
                ChildSink(resource, stores, self._concern),
            )
            for resource in CHILDREN
        ]
        events = Selection(
            namespace, fields=MOUNT_FAILURES, silence_seconds=WATCH_SILENCE_EVENTS_SECONDS
        )
        sink = MountFailureSink(stores, self.queue.add)
        self._followers.append(Follower(client, EVENTS, events, sink))

    async def sync(self) -> None:
        """Make every first list; after it decisions are based on the whole world.

        Raises:
            ConfigurationError: if one of our kinds is not installed, or may not be read.
        """
        try:
            for resource in OWN:
                selection = Selection(self._namespace)
                async for page in self._client.pages(resource, selection, FULL_PAGE_SIZE):
                    for item in page.items:
                        header = {"apiVersion": resource.api_version, "kind": resource.kind}
                        self.take_own("ADDED", {**item, **header})
            for follower in self._followers:
                await follower.sync()
        except ApiError as error:
            if error.retryable and not isinstance(error, ForbiddenError):
                raise
            raise ConfigurationError(f"{error}; install the CRDs and the RBAC first") from error
        await self._stores.upgrades.recall()
        self.is_synced = True
        self.queue.open()

    def take_own(self, event: str | None, manifest: Manifest) -> None:
        """Take in an event of one of our own kinds; `event` is None for an item of a list."""
        if event == "DELETED":
            uid = str(manifest["metadata"].get("uid", ""))
            concerned = self._stores.own.forget(subject_of(manifest), uid)
        else:
            concerned = self._stores.own.observe(manifest)
            if event is None:
                self._relist.set()
        self._wake_all(concerned)
        OBJECTS.set(len(self._stores.own))

    def _wake_all(self, concerned: Iterable[Subject]) -> None:
        for subject in concerned:
            self._ledgers.stir(subject)
            self.queue.add(subject)

    def _concern(self, concern: Concern) -> None:
        if concern.is_urgent:
            self.queue.add(concern.subject)
        else:
            self.queue.add_later(concern.subject, QUIET_SECONDS)

    async def run(self) -> None:
        """Follow and work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.follow(self._draw))
            for _ in range(WORKERS):
                group.create_task(self._work())
            group.create_task(self._resync())
            group.create_task(self._stores.reports.run())

    def served(self) -> Iterator[tuple[Subject, str]]:
        """Yield every Assistant that has been served, with its uid."""
        for subject in self._stores.own.subjects(ASSISTANT):
            entry = self._stores.own.get(subject)
            content = entry.read() if entry is not None else None
            if isinstance(content, Assistant) and content.status.blueprint_digest is not None:
                yield subject, content.metadata.uid

    def oldest_pass_seconds(self) -> float:
        """Return how long the longest running pass has run: a liveness signal."""
        now = self._clock()
        return max((now - started for started in self._started.values()), default=0.0)

    async def _work(self) -> None:
        while True:
            subject = await self.queue.take()
            QUEUE_DEPTH.set(self.queue.depth)
            self._started[subject] = started = self._clock()
            try:
                await self._look(subject)
            finally:
                PASS_SECONDS.observe(self._clock() - started)
                self._started.pop(subject, None)
                self.queue.done(subject)

    async def _look(self, subject: Subject) -> None:
        try:
            look = await self._passes.run(subject)
        except Exception as error:  # noqa: BLE001 - one bad object never stops another
            PASSES.labels(subject.kind, "Crashed").inc()
            log().error(
                "pass_crashed", error=type(error).__name__, exc_info=error, **explain(subject)
            )
            ledger = self._ledgers.of(subject)
            ledger.failures += 1
            self.queue.add_later(subject, plan_retry_seconds(ledger.failures, None, self._draw()))
            return
        if look.fault is not None:
            PASSES.labels(subject.kind, look.fault.reason).inc()
            FAULTS.labels(look.fault.reason).inc()
            log().info("pass_put_off", **look.fault.explain(), **explain(subject))
            failures = self._ledgers.of(subject).failures
            asked = look.fault.retry_after_seconds
            self.queue.add_later(subject, plan_retry_seconds(failures, asked, self._draw()))
            return
        PASSES.labels(subject.kind, "Done").inc()
        if look.again_seconds is not None:
            self.queue.add_later(subject, look.again_seconds)

    async def _resync(self) -> None:
        """Compare our own kinds with a list of metadata, now and then and after kopf listed."""
        while True:
            try:
                async with asyncio.timeout(self._resync_seconds * (1.0 - 0.2 * self._draw())):
                    await self._relist.wait()
                await asyncio.sleep(RELIST_DELAY_SECONDS)
            except TimeoutError:
                pass
            self._relist.clear()
            try:
                await self._drop_vanished()
            except ApiError as error:
                log().warning("resync_failed", **error.explain())

    async def _drop_vanished(self) -> None:
        for resource in OWN:
            held = set(self._stores.own.subjects(resource.kind))
            selection = Selection(self._namespace, metadata_only=True)
            async for page in self._client.pages(resource, selection):
                for item in page.items:
                    metadata = item["metadata"]
                    held.discard(Subject(resource.kind, metadata["namespace"], metadata["name"]))
            for subject in held:
                await self._confirm_gone(subject)

    async def _confirm_gone(self, subject: Subject) -> None:
        """Ask once more: the object may have been made after the list."""
        resource = next(r for r in OWN if r.kind == subject.kind)
        try:
            whole = await self._client.get(resource, subject.namespace, subject.name)
        except AbsentError:
            for concerned in self._stores.own.forget(subject):
                self.queue.add(concerned)
            return
        self.take_own("MODIFIED", whole)
