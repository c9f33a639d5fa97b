"""What the observed Deployment says about the Blueprint that is to be served."""

from __future__ import annotations

from dataclasses import dataclass

from steward_operator import labels, names
from steward_operator.objects import Manifest
from steward_operator.plan.world import World


@dataclass(frozen=True, slots=True)
class Rollout:
    """Facts about the Deployment; all False where there is none."""

    exists: bool = False
    is_available: bool = False
    """A Pod of the current Blueprint is available, and no other one is left."""
    has_failed: bool = False
    """The Deployment controller gave up waiting (`ProgressDeadlineExceeded`)."""
    is_empty: bool = True
    """It asks for no Pod, and none is left, as far as the controller counts."""


def resolve_rollout(world: World, digest: str) -> Rollout:
    """Read the observed Deployment for the Blueprint `digest`.

    A status that speaks of an older generation, or of another Blueprint, proves nothing.
    """
    found = find_deployment(world)
    if found is None:
        return Rollout()
    status = found.get("status") or {}
    generation = _count(found.get("metadata") or {}, "generation")
    has_spoken = _count(status, "observedGeneration") >= generation
    replicas = _count(status, "replicas")
    is_current = digest_of(found) == digest and has_spoken
    return Rollout(
        exists=True,
        is_available=(
            is_current
            and _count(status, "availableReplicas") >= 1
            and _count(status, "updatedReplicas") == replicas
        ),
        has_failed=is_current and _has_failed(status),
        is_empty=(
            (found.get("spec") or {}).get("replicas") == 0
            # Generation 1 without replicas never had a Pod.
            and (has_spoken or generation == 1)
            and replicas + _count(status, "terminatingReplicas") == 0
        ),
    )


def find_deployment(world: World) -> Manifest | None:
    """Return the observed Deployment that this Assistant owns."""
    name = names.deployment_name(world.assistant.metadata.name)
    for child in world.children:
        metadata = child.get("metadata") or {}
        owners = {owner.get("uid") for owner in metadata.get("ownerReferences") or []}
        is_ours = world.assistant.metadata.uid in owners
        if child.get("kind") == "Deployment" and metadata.get("name") == name and is_ours:
            return child
    return None


def digest_of(deployment: Manifest) -> str | None:
    """Return the digest of the Blueprint that a Deployment's Pods serve."""
    template = (deployment.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    digest = annotations.get(labels.BLUEPRINT_DIGEST)
    return str(digest) if digest else None


def _has_failed(status: Manifest) -> bool:
    return any(
        condition.get("type") == "Progressing"
        and condition.get("status") == "False"
        and condition.get("reason") == "ProgressDeadlineExceeded"
        for condition in status.get("conditions") or []
    )


def _count(status: Manifest, field: str) -> int:
    value = status.get(field) or 0
    return value if isinstance(value, int) else 0
