"""The status of an Assistant: what holds, why, and whether somebody has to act."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steward_api import conditions as state
from steward_api.blueprint import Blueprint, Denial
from steward_api.conditions import Problem, State
from steward_api.meta import ConditionStatus
from steward_api.reasons import Reason
from steward_api.v1alpha1.assistant import AssistantStatus
from steward_operator import names
from steward_operator.children.destinations import Reach
from steward_operator.names import FIRST_GENERATION, SecretRole
from steward_operator.objects import Manifest
from steward_operator.plan.deployment_status import Rollout
from steward_operator.plan.narrowing import (
    is_purging_held,
    resolve_destinations,
    resolve_zones,
)
from steward_operator.plan.own_status import render_status, settle
from steward_operator.plan.rotation import is_key_proven
from steward_operator.plan.secrets import SecretPlan
from steward_operator.plan.upgrade import has_failed_roll
from steward_operator.plan.world import World, WriteFault

NAME_TAKEN_CODE = 409


@dataclass(frozen=True, slots=True)
class Findings:
    """What the plan found out on its way."""

    refused: tuple[Problem, ...]
    """Why the current spec cannot be served."""
    unresolved: tuple[Problem, ...]
    """References that lead nowhere, fatal or not."""
    serving: Blueprint | None
    secrets: SecretPlan | None
    """None where nothing is served."""
    rollout: Rollout
    denial: Denial | None = None
    is_waiting: bool = False
    """True while a changed image of the runtime waits for its turn."""
    """Why the runtime must take no new work."""


def plan_status(world: World, findings: Findings) -> AssistantStatus:
    """Build the whole status."""
    metadata = world.assistant.metadata
    served, secrets = findings.serving, findings.secrets
    kept = world.assistant.status if findings.is_waiting else None
    return AssistantStatus(
        observed_generation=metadata.generation,
        conditions=settle(
            metadata, world.assistant.status, plan_states(world, findings), world.now
        ),
        endpoint=names.endpoint_url(metadata.name, metadata.namespace) if served else None,
        api_key_secret_name=secrets.names[SecretRole.API] if secrets else None,
        blueprint_digest=_pick(kept, "blueprint_digest", served.digest if served else None),
        prompt_digest=_pick(kept, "prompt_digest", served.prompt.digest if served else None),
        runtime_key=resolve_runtime_key(world),
    )


def _pick(kept: AssistantStatus | None, field: str, planned: str | None) -> str | None:
    """Return what the status says already where the Pod stays as it is, else what is planned."""
    said = None if kept is None else getattr(kept, field)
    return said or planned


def resolve_runtime_key(world: World) -> str | None:
    """Return the key that is pinned: the first that was seen, or one that follows from it."""
    if world.runtime is not None and is_key_proven(world):
        return world.runtime.public_key
    return world.assistant.status.runtime_key


def render_changed_status(world: World, status: AssistantStatus) -> Manifest | None:
    """Return the status as JSON, or None when writing it would change nothing."""
    after = render_status(status)
    return None if after == render_status(world.assistant.status) else after


def plan_states(world: World, findings: Findings) -> tuple[State, ...]:
    """Return one state per condition type."""
    ready = _plan_ready(world, findings)
    return (
        state.not_accepted(findings.refused) if findings.refused else state.accepted(),
        (
            state.refs_not_resolved(findings.unresolved)
            if findings.unresolved
            else state.refs_resolved()
        ),
        ready,
        _plan_runtime(world, findings),
        _plan_egress(world, findings),
        *_plan_residency(world),
        *_plan_keys(findings),
        state.transport_plain(),
        *_plan_progress(world, findings, ready),
    )


def _plan_ready(world: World, findings: Findings) -> State:
    obstacle = next(_obstacles(world, findings), None)
    if obstacle is not None:
        return obstacle
    deployment = names.deployment_name(world.assistant.metadata.name)
    if findings.rollout.is_available:
        return state.ready(deployment)
    missing = _missing_secrets(world, findings)
    if missing:
        return state.secret_missing(missing)
    if world.pod_fault is not None:
        return state.pod_fault(world.pod_fault.reason, deployment, world.pod_fault.detail)
    if findings.rollout.has_failed:
        return state.rollout_failed(deployment)
    return state.rolling_out(deployment)


def _obstacles(world: World, findings: Findings) -> Iterator[State]:
    """Yield what keeps a Pod from being asked for at all, the weightiest first."""
    if findings.serving is None:
        refused = state.not_accepted(findings.refused)
        yield state.not_ready(refused.reason, refused.message)
    if findings.denial is not None:
        is_held = findings.serving is not None and is_purging_held(findings.serving, world.bounds)
        yield state.denied(findings.denial, is_purging=not is_held)
    if findings.secrets is not None and findings.secrets.lost is not None:
        yield findings.secrets.lost
    if world.faults:
        yield _plan_fault(min(world.faults, key=lambda fault: fault.key))
    if world.assistant.spec.suspend:
        yield state.suspended()


def _missing_secrets(world: World, findings: Findings) -> frozenset[str]:
    """Return the users' Secrets that a Pod waits for; generated ones are made again, or lost."""
    generated = set(findings.secrets.names.values()) if findings.secrets else set()
    return frozenset(failure.secret for failure in world.mount_failures) - generated


def _plan_fault(fault: WriteFault) -> State:
    if fault.code == NAME_TAKEN_CODE:
        return state.name_conflict(fault.key.kind, fault.key.name)
    return state.write_refused(fault.key.kind, fault.key.name, fault.message)


def _plan_runtime(world: World, findings: Findings) -> State:
    served, report = findings.serving, world.runtime
    if report is None or served is None or not findings.rollout.is_available:
        return state.runtime_not_asked()
    if report.asked_for != served.digest:
        return state.runtime_not_asked()
    if report.fault is not None:
        return state.runtime_fault(report.fault)
    if report.blueprint_digest != served.digest:
        return state.runtime_differs()
    if report.public_key is not None and not is_key_proven(world):
        return state.signing_key_unproven()
    return state.runtime_verified()


def _plan_keys(findings: Findings) -> Iterator[State]:
    """Yield what can be said about a rotation, once there was one."""
    if findings.secrets is None:
        return
    rotations = findings.secrets.rotations.values()
    waiting = [each for each in rotations if each.older]
    if waiting:
        yield state.keys_rotating(
            (each.newest.role.value, each.newest.generation) for each in waiting
        )
    elif any(each.newest.generation > FIRST_GENERATION for each in rotations):
        yield state.keys_current()


def _plan_egress(world: World, findings: Findings) -> State:
    if findings.serving is None:
        return state.egress_unknown()
    namespace = world.assistant.metadata.namespace
    found = resolve_destinations(findings.serving, world.bounds, namespace)
    public = [destination.text for destination in found if destination.reach is Reach.HOSTNAME]
    if public:
        return state.egress_by_public_range(public)
    services = [destination.text for destination in found if destination.reach is Reach.SERVICE]
    return state.egress_by_namespace(services) if services else state.egress_exact()


def _plan_residency(world: World) -> Iterator[State]:
    """Yield what can be said about zones, where there are any."""
    sets = resolve_zones(world.assistant, world.bounds)
    if len(sets) == 1:
        yield state.residency_of_pods(sets[0])
    elif sets:
        yield state.residency_impossible(sets)


def _plan_progress(world: World, findings: Findings, ready: State) -> tuple[State, State]:
    """Return Reconciling and Stalled; they are never True together."""
    image = world.settings.runtime_image
    if findings.refused:
        refused = state.not_accepted(findings.refused)
        return state.settled(), state.stalled(refused.reason, refused.message)
    if ready.status is ConditionStatus.TRUE and findings.is_waiting:
        return _plan_wait(world)
    if has_failed_roll(world) and ready.status is not ConditionStatus.TRUE:
        return state.settled(), state.upgrade_failed(image, ready.message)
    if ready.status is ConditionStatus.TRUE or ready.reason is Reason.SUSPENDED:
        return state.settled(), state.not_stalled()
    if ready.reason is Reason.ROLLOUT_IN_PROGRESS:
        return state.reconciling(ready.message), state.not_stalled()
    return state.settled(), state.stalled(ready.reason, ready.message)


def _plan_wait(world: World) -> tuple[State, State]:
    """Say what a Pod that restarts later waits for; names stay in their own namespace."""
    settings, failed = world.settings, world.turn.stopped_by
    if failed is None:
        waits = state.upgrade_waiting(settings.runtime_image, settings.upgrade_max_concurrent)
        return waits, state.not_stalled()
    is_neighbour = failed.namespace == world.assistant.metadata.namespace
    who = f"Assistant {failed.name}" if is_neighbour else "an Assistant of another namespace"
    return state.settled(), state.upgrade_stopped(settings.runtime_image, who)
