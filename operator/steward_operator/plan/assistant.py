"""Assistant: from one snapshot to everything that must exist, go, or be said.

References → checks → Blueprint → Secrets → children → status. While the current spec cannot be
served, the last accepted Blueprint is served on; where there is none, nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steward_api.blueprint import Blueprint
from steward_api.conditions import Problem
from steward_api.meta import OBJECT_NAME_LENGTH_MAX
from steward_api.reasons import Reason
from steward_api.v1alpha1 import Assistant
from steward_operator.names import FIRST_GENERATION, AnchorRole
from steward_operator.plan.blueprint import check_size, compile_blueprint
from steward_operator.plan.bounds import check_bounds
from steward_operator.plan.children import plan_children
from steward_operator.plan.denial import decide_denial
from steward_operator.plan.deployment_status import Rollout, resolve_rollout
from steward_operator.plan.erasure import plan_deletion, plan_finalizer
from steward_operator.plan.events import plan_events
from steward_operator.plan.narrowing import check_served
from steward_operator.plan.patterns import is_network
from steward_operator.plan.references import Resolved, resolve_references
from steward_operator.plan.secrets import SecretPlan, plan_secrets
from steward_operator.plan.status import Findings, plan_status, render_changed_status
from steward_operator.plan.upgrade import is_waiting
from steward_operator.plan.world import Plan, RuntimeQuestion, World

SERVICE_NAME: Final = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
"""An RFC 1035 label: what a Service may be called."""


def plan_assistant(world: World) -> Plan:
    """Plan everything about one Assistant."""
    if world.assistant.metadata.deletion_timestamp:
        return plan_deletion(world)
    resolved = resolve_references(world)
    current, refused = _compile(world, resolved)
    waits = is_waiting(world)
    # Its Pod stays as it is, and so does what is said and built around it.
    serving = world.last_blueprint or current if waits else current or world.last_blueprint
    secrets = plan_secrets(world) if serving else None
    digest = world.assistant.status.blueprint_digest if waits else None
    rollout = resolve_rollout(world, digest or serving.digest) if serving else Rollout()
    findings = Findings(
        refused=refused,
        unresolved=tuple(sorted((*resolved.fatal, *resolved.dropped))),
        serving=serving,
        secrets=secrets,
        rollout=rollout,
        denial=decide_denial(
            resolved.fatal,
            check_served(world.assistant, serving, world.bounds) if serving else (),
        ),
        is_waiting=waits,
    )
    status = plan_status(world, findings)
    changed = render_changed_status(world, status)
    children, prune = plan_children(world, resolved, findings)
    return Plan(
        anchors_to_create=secrets.anchors_to_create if secrets else (),
        secrets_to_create=secrets.secrets_to_create if secrets else (),
        children=children,
        prune=prune,
        status=changed,
        events=(
            plan_events(world.assistant.status.conditions, status.conditions) if changed else ()
        ),
        requeue_seconds=_plan_requeue(world, secrets) if secrets else None,
        question=_plan_question(world, findings),
        finalizer=plan_finalizer(world, is_served=serving is not None),
    )


def _plan_requeue(world: World, secrets: SecretPlan) -> int:
    end = secrets.ends_in_seconds
    usual = world.settings.requeue_seconds
    return usual if end is None else min(usual, end)


def _plan_question(world: World, findings: Findings) -> RuntimeQuestion | None:
    """Say whether the runtime can be asked: a Pod is there, and it knows the operator's key."""
    served = findings.serving
    if served is None or not findings.rollout.is_available or not world.operator_keys:
        return None
    wanted = FIRST_GENERATION
    if findings.secrets is not None:
        wanted = findings.secrets.rotations[AnchorRole.KEYS].newest.generation
    return RuntimeQuestion(world.assistant.metadata.uid, served.digest, wanted)


def check_assistant(assistant: Assistant) -> tuple[Problem, ...]:
    """Return what is wrong with the Assistant itself.

    What the API server refuses by the same rule is said here too for `steward render`, which
    reads files that no API server has seen.
    """
    return (*_check_name(assistant.metadata.name), *_check_networks(assistant))


def _check_name(name: str) -> tuple[Problem, ...]:
    if len(name) <= OBJECT_NAME_LENGTH_MAX and SERVICE_NAME.fullmatch(name):
        return ()
    message = (
        f"must have at most {OBJECT_NAME_LENGTH_MAX} characters, start with a letter and hold only "
        "lower-case letters, digits and '-', because children are named after it"
    )
    return (Problem("metadata.name", Reason.SPEC_INVALID, message),)


def _check_networks(assistant: Assistant) -> Iterator[Problem]:
    for cidr in assistant.spec.exposure.allowed_cidrs:
        if not is_network(cidr):
            message = f"{cidr} must be a network without host bits, for example 10.20.0.0/16"
            yield Problem("spec.exposure.allowedCidrs", Reason.SPEC_INVALID, message)


def _compile(world: World, resolved: Resolved) -> tuple[Blueprint | None, tuple[Problem, ...]]:
    """Compile the Blueprint of the current spec, or say why it cannot be served."""
    refused = (
        *check_assistant(world.assistant),
        *check_bounds(world.assistant, world.bounds),
        *resolved.fatal,
    )
    blueprint = None if refused else compile_blueprint(world.assistant, resolved)
    if blueprint is None:
        return None, refused
    too_large = check_size(blueprint)
    return (None, too_large) if too_large else (blueprint, ())
