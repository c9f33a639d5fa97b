"""Which children an Assistant has, and which observed ones go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from steward_api.blueprint import Blueprint
from steward_api.v1alpha1.assistant import DeletionPolicy
from steward_operator import labels, names
from steward_operator.children.config_map import (
    build_blueprint_config_map,
    build_trust_config_map,
)
from steward_operator.children.context import ChildContext, Guard
from steward_operator.children.deployment import build_deployment
from steward_operator.children.network_policy import build_purge_policy, build_runtime_policy
from steward_operator.children.persistent_volume_claim import build_persistent_volume_claim
from steward_operator.children.purge_cron_job import build_purge_cron_job
from steward_operator.children.service import build_admin_service, build_service
from steward_operator.children.service_account import build_service_account
from steward_operator.names import AnchorRole
from steward_operator.objects import Manifest, ObjectKey
from steward_operator.plan.narrowing import (
    is_purging_held,
    resolve_destinations,
    resolve_guests,
    resolve_zones,
)
from steward_operator.plan.prune import PRUNED_KINDS, plan_anchor_prune, plan_prune
from steward_operator.plan.references import Resolved
from steward_operator.plan.retention_policy import is_valid_interval
from steward_operator.plan.secrets import SecretPlan
from steward_operator.plan.status import Findings
from steward_operator.plan.upgrade import resolve_origin
from steward_operator.plan.world import HELD_UNTIL_SECRETS, World

DEFAULT_INTERVAL_MINUTES: Final = 60

HELD_UNTIL_TURN: Final = HELD_UNTIL_SECRETS | {"CronJob"}
"""Kinds of children that stay as they are while a changed image waits: what runs it, and the data
below it."""

BUILDERS: Final[tuple[Callable[[ChildContext], Manifest | None], ...]] = (
    build_service_account,
    build_blueprint_config_map,
    build_trust_config_map,
    build_persistent_volume_claim,
    build_service,
    build_admin_service,
    build_runtime_policy,
    build_purge_policy,
    build_deployment,
    build_purge_cron_job,
)
"""One line per child, in the order of `steward render`."""


def plan_children(
    world: World, resolved: Resolved, findings: Findings
) -> tuple[tuple[Manifest, ...], tuple[ObjectKey, ...]]:
    """Return the children that must exist, and the keys of those that must go."""
    if findings.serving is None or findings.secrets is None:
        # Nothing may be served; what is not dangerous stays for the next accepted spec.
        return (), plan_prune(world, (), kept_kinds=PRUNED_KINDS - {"Deployment"})
    if findings.is_waiting and world.last_blueprint is None:
        # What runs was built from a Blueprint that this version cannot read: all stays.
        return (), ()
    context = _build_context(world, resolved, findings, findings.serving, findings.secrets)
    built = (build(context) for build in BUILDERS)
    children = tuple(child for child in built if child is not None)
    if findings.is_waiting or world.bounds.unknown:
        free = tuple(child for child in children if child["kind"] not in HELD_UNTIL_TURN)
        return free, plan_prune(world, free, kept_kinds=HELD_UNTIL_TURN)
    if findings.secrets.are_known:
        surplus = plan_anchor_prune(world, findings.secrets.surplus)
        return children, (*plan_prune(world, children), *surplus)
    # Secrets unknown or lost: what needs them is left as it is.
    free = tuple(child for child in children if child["kind"] not in HELD_UNTIL_SECRETS)
    return free, plan_prune(world, free, kept_kinds=HELD_UNTIL_SECRETS)


def _build_context(
    world: World,
    resolved: Resolved,
    findings: Findings,
    serving: Blueprint,
    secrets: SecretPlan,
) -> ChildContext:
    assistant = world.assistant
    rollout = findings.rollout
    return ChildContext(
        assistant=assistant,
        blueprint=serving,
        digest=serving.digest,
        settings=world.settings,
        secret_names=secrets.names,
        anchor_names={
            role: names.anchor_name(assistant.metadata.name, role, each.newest.generation)
            for role, each in secrets.rotations.items()
        },
        purge_interval_minutes=_resolve_interval(world, resolved),
        is_stopped=assistant.spec.suspend and (not rollout.exists or rollout.is_empty),
        operator_keys=world.operator_keys,
        denial=findings.denial,
        destinations=resolve_destinations(serving, world.bounds, assistant.metadata.namespace),
        guests=resolve_guests(assistant, world.bounds),
        zones=resolve_zones(assistant, world.bounds),
        is_purging_held=is_purging_held(serving, world.bounds),
        keys_anchor_in_use=_name_anchor_in_use(world, secrets),
        older_secrets=secrets.older,
        guard=_resolve_guard(world, secrets),
        upgraded_from=resolve_origin(world),
    )


def _resolve_guard(world: World, secrets: SecretPlan) -> Guard | None:
    """Return the newest anchor of the keys that exists, where an erasure will be needed."""
    assistant, rotation = world.assistant, secrets.rotations[AnchorRole.KEYS]
    standing = [each for each in (*rotation.older, rotation.newest) if each.uid]
    if assistant.spec.deletion_policy is not DeletionPolicy.ERASE or not standing:
        return None
    anchor = standing[-1]
    name = names.anchor_name(assistant.metadata.name, AnchorRole.KEYS, anchor.generation)
    return Guard(name, anchor.uid)


def _name_anchor_in_use(world: World, secrets: SecretPlan) -> str | None:
    used = secrets.rotations[AnchorRole.KEYS].in_use
    if used is None:
        return None
    return names.anchor_name(world.assistant.metadata.name, AnchorRole.KEYS, used.generation)


def _resolve_interval(world: World, resolved: Resolved) -> int:
    """Return the purge interval; without a usable policy the one that is in force goes on."""
    if resolved.retention_policy is not None:
        return resolved.retention_policy.spec.purge.interval_minutes
    name = names.purge_cron_job_name(world.assistant.metadata.name)
    for child in world.children:
        metadata = child.get("metadata") or {}
        if child.get("kind") == "CronJob" and metadata.get("name") == name:
            text = str((metadata.get("annotations") or {}).get(labels.PURGE_INTERVAL, ""))
            minutes = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
            return minutes if is_valid_interval(minutes) else DEFAULT_INTERVAL_MINUTES
    return DEFAULT_INTERVAL_MINUTES
