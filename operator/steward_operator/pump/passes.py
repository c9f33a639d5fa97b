"""One pass over one object: gather, plan, apply, and when to look again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from steward_api.v1alpha1 import Assistant
from steward_operator.apply.effects import Effects
from steward_operator.apply.finalizers import FinalizerWriter
from steward_operator.apply.refusals import Refusals
from steward_operator.apply.status import QUIET_SECONDS, StatusWriter
from steward_operator.contract.reports import PATIENCE_SECONDS
from steward_operator.errors import ApiError, ClosingError, OutdatedError
from steward_operator.gather.child_record import key_of_child
from steward_operator.gather.cluster_policies import BOUNDED_KINDS
from steward_operator.gather.own_cache import ASSISTANT, Entry
from steward_operator.gather.subject import Subject
from steward_operator.gather.world import Gatherer, Stores
from steward_operator.kube.resources import resource_of
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.cluster_assistant_policy import plan_cluster_assistant_policy
from steward_operator.plan.erasure import LOOK_SECONDS
from steward_operator.plan.memory_policy import plan_memory_policy
from steward_operator.plan.model import plan_model
from steward_operator.plan.orphans import plan_orphans
from steward_operator.plan.own_status import plan_unreadable
from steward_operator.plan.parsing import OwnObject
from steward_operator.plan.prompt import plan_prompt
from steward_operator.plan.retention_policy import plan_retention_policy
from steward_operator.plan.tool import plan_tool
from steward_operator.plan.world import Broken, FinalizerEdit, Plan, World
from steward_operator.pump.ledger import Ledger, Ledgers
from steward_operator.settings import OperatorSettings
from steward_operator.telemetry import WRITES

GRACE_SECONDS: Final = 1.0
"""A new Assistant waits this long for objects that are applied together with it."""

_STATUS_PLANS: Final[dict[str, Callable[..., Plan]]] = {
    "Model": plan_model,
    "Tool": plan_tool,
    "Prompt": plan_prompt,
    "MemoryPolicy": plan_memory_policy,
    "RetentionPolicy": plan_retention_policy,
    "ClusterAssistantPolicy": plan_cluster_assistant_policy,
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a pass ended."""

    again_seconds: float | None = None
    """Look again after this time even if nothing happens."""
    fault: ApiError | None = None
    """A transient fault: look again with backoff."""


class Passes:
    """Runs passes; holds no state but the ledgers."""

    def __init__(
        self,
        stores: Stores,
        gatherer: Gatherer,
        effects: Effects,
        statuses: StatusWriter,
        finalizers: FinalizerWriter,
        *,
        ledgers: Ledgers,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        settings: OperatorSettings,
    ) -> None:
        """Join the rooms.

        Args:
            stores: What is remembered about the cluster.
            gatherer: Builds worlds.
            effects: Applies plans.
            statuses: Writes statuses.
            finalizers: Adds and removes our finalizer.
            ledgers: Memory between passes.
            now: Wall clock, for conditions.
            clock: Monotonic seconds.
            settings: Settings of the plan.
        """
        self._stores = stores
        self._gatherer = gatherer
        self._effects = effects
        self._statuses = statuses
        self._finalizers = finalizers
        self._ledgers = ledgers
        self._now = now
        self._clock = clock
        self._settings = settings

    async def run(self, subject: Subject) -> Look:
        """Look at one object once; every fault of the API server is part of the answer."""
        entry = self._stores.own.get(subject)
        if entry is None:
            self._ledgers.forget(subject)
            self._stores.forget(subject)
            self._stores.upgrades.refresh()
            return await self._look_at_left(subject)
        closing = self._ledgers.closing_seconds(subject.namespace)
        if closing and not entry.is_terminating:
            return Look(closing)
        ledger = self._ledgers.of(subject)
        try:
            look = await self._dispatch(subject, entry, ledger)
        except OutdatedError as error:
            # The watch brings the newer version, and with it the next pass.
            look = Look(fault=error)
        except ApiError as error:
            look = Look(fault=error)
        if isinstance(look.fault, ClosingError):
            self._ledgers.close_namespace(subject.namespace)
            return Look(self._ledgers.closing_seconds(subject.namespace))
        ledger.failures = ledger.failures + 1 if look.fault else 0
        if subject.kind == ASSISTANT:
            self._stores.upgrades.refresh()
        return look

    async def _look_at_left(self, subject: Subject) -> Look:
        """Let go what an Assistant left behind whose finalizer somebody took away."""
        children = self._stores.children.manifests_of(subject.namespace, subject.name)
        plan = plan_orphans(children if subject.kind == ASSISTANT else ())
        if not plan.prune:
            return Look()
        try:
            if not await self._gatherer.is_gone(subject):
                return Look()
            outcome = await self._effects.apply(plan, subject, Refusals())
        except ApiError as error:
            return Look(fault=error)
        WRITES.inc(outcome.writes)
        return Look(fault=outcome.transient)

    async def _dispatch(self, subject: Subject, entry: Entry, ledger: Ledger) -> Look:
        content = entry.read()
        if isinstance(content, Assistant):
            return await self._look_at_assistant(subject, content, ledger)
        if isinstance(content, Broken):
            plan = plan_unreadable(content, now=self._now())
        else:
            plan = self._plan_own(subject, content)
        if not subject.namespace:
            # An Event lives in a namespace, and this object in none: its status says the same.
            plan = replace(plan, events=())
        ledger.timing.stirred_at = 0.0
        return Look(await self._statuses.apply(subject, content, plan, ledger.timing))

    def _plan_own(self, subject: Subject, content: OwnObject) -> Plan:
        facts: dict[str, Any] = {"now": self._now(), "settings": self._settings}
        if subject.kind in BOUNDED_KINDS:
            facts["bounds"] = self._stores.policies.bounds_of(subject.namespace)
        return _STATUS_PLANS[subject.kind](content, **facts)

    async def _look_at_assistant(
        self, subject: Subject, assistant: Assistant, ledger: Ledger
    ) -> Look:
        if assistant.metadata.deletion_timestamp:
            return await self._look_at_ending(subject, assistant, ledger)
        age = self._clock() - ledger.first_seen_at
        if age < GRACE_SECONDS and self._gatherer.missing_references(subject):
            return Look(GRACE_SECONDS - age)
        world = await self._gatherer.gather_world(subject, assistant, ledger.faults)
        plan = plan_assistant(world)
        if plan.finalizer is FinalizerEdit.ADD:
            # First the finalizer, then anything that could hold data; the watch brings us back.
            await self._finalizers.apply(plan, assistant)
            return Look()
        if self._would_restore(assistant, plan) and not await self._gatherer.is_alive(assistant):
            # The garbage collector was faster than the news of the end, which is on its way.
            return Look(GRACE_SECONDS)
        self._keep_blueprint(subject, plan)
        return await self._carry_out(subject, world, plan, ledger)

    async def _carry_out(self, subject: Subject, world: World, plan: Plan, ledger: Ledger) -> Look:
        """Write children, then status where nothing of it is old news."""
        assistant = world.assistant
        outcome = await self._effects.apply(plan, subject, ledger.refusals)
        WRITES.inc(outcome.writes)
        if outcome.faults != world.faults:
            ledger.faults = outcome.faults
            plan = plan_assistant(replace(world, faults=outcome.faults))
        fault = outcome.transient
        if outcome.is_outdated and fault is None:
            fault = OutdatedError(f"settle {subject.name}", "the world has moved on")
        if outcome.writes:
            ledger.timing.stirred_at = self._clock()
        if outcome.writes or outcome.is_outdated:
            # The plan was made before these writes, so its status is old news.
            return Look(QUIET_SECONDS, fault)
        if self._must_wait_for_runtime(subject, plan):
            return Look(PATIENCE_SECONDS, fault)
        waited = await self._statuses.apply(subject, assistant, plan, ledger.timing)
        if plan.finalizer is not None and waited is None:
            await self._finalizers.apply(plan, assistant)
        return Look(self._next_look(subject, plan, ledger, waited), fault)

    async def _look_at_ending(self, subject: Subject, assistant: Assistant, ledger: Ledger) -> Look:
        """Take a deleted Assistant one step further on its way out."""
        plan = plan_assistant(self._gatherer.gather_ending(subject, assistant))
        if plan.is_erasing:
            self._stores.erasures.follow(subject, assistant.metadata.uid)
            waited = await self._statuses.apply(subject, assistant, plan, ledger.timing)
            return Look(min(plan.requeue_seconds or 1, waited or LOOK_SECONDS))
        outcome = await self._effects.apply(plan, subject, ledger.refusals)
        WRITES.inc(outcome.writes)
        if outcome.is_outdated or outcome.transient is not None:
            return Look(QUIET_SECONDS, outcome.transient)
        await self._finalizers.apply(plan, assistant)
        return Look()

    def _would_restore(self, assistant: Assistant, plan: Plan) -> bool:
        """Say whether an Assistant that has had its children lacks some of them."""
        if assistant.status.blueprint_digest is None:
            return False
        keys = (key_of_child(child, resource_of(child)) for child in plan.children)
        return any(self._stores.children.get(key) is None for key in keys)

    def _must_wait_for_runtime(self, subject: Subject, plan: Plan) -> bool:
        """Ask the runtime if it is time; its first answer shares a write with Ready."""
        if plan.question is None:
            self._stores.reports.forget(subject)
            return False
        return self._stores.reports.must_wait(subject, plan.question)

    def _next_look(
        self, subject: Subject, plan: Plan, ledger: Ledger, waited: float | None
    ) -> float | None:
        expiry = ledger.refusals.next_expiry()
        times: list[float | None] = [
            waited,
            plan.requeue_seconds,
            self._stores.probes.seconds_to_next(subject),
            self._stores.reports.seconds_to_next(subject),
            self._stores.pods.seconds_to_next(subject),
            None if expiry is None else max(0.0, expiry - self._clock()),
        ]
        return min((time for time in times if time is not None), default=None)

    def _keep_blueprint(self, subject: Subject, plan: Plan) -> None:
        for child in plan.children:
            if child["kind"] == "ConfigMap":
                self._stores.blueprints.note(subject, child)


def explain(subject: Subject) -> dict[str, Any]:
    """Return what a log line says about an object: its name, never its content."""
    return {"kind": subject.kind, "namespace": subject.namespace, "name": subject.name}
