"""Which Assistants may restart for a new runtime image: so many at a time, none after a failure.

An Assistant that serves with another image than the wanted one waits for its turn; until then its
Pod, and with it the Blueprint it serves, stays. The annotation `UPGRADED_FROM` is on the Deployment
from the roll until its Pod is available, so what is under way survives any restart of the operator.
Where no Pod serves there is nothing to protect: such an Assistant takes the image at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from steward_operator import labels, names
from steward_operator.objects import Manifest, Subject
from steward_operator.plan.deployment_status import digest_of, find_deployment
from steward_operator.plan.world import PodFault, World


class Stage(StrEnum):
    """Where one Assistant stands in the upgrade."""

    SETTLED = "Settled"
    """It has the image, or no Pod that a restart would stop."""
    WAITING = "Waiting"
    """It serves with another image, and could restart."""
    HELD = "Held"
    """It serves with another image, and something of its own has to be mended first."""
    ROLLING = "Rolling"
    """It has been given the image, and is not available yet."""
    FAILED = "Failed"
    """It has been given the image, and does not start with it."""


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """What the upgrade reads off one Deployment."""

    image: str = ""
    """Image of the runtime's container."""
    origin: str = ""
    """The image it served with before a roll that is still open; empty where none is."""
    digest: str = ""
    """Of the Blueprint that its Pod serves."""
    is_available: bool = False
    """Every Pod is of the newest spec and available."""
    is_empty: bool = False
    """It asks for no Pod."""
    has_failed: bool = False
    """Its controller gave up waiting."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is decided for all Assistants together."""

    starting: frozenset[Subject] = field(default_factory=frozenset)
    """May restart now. One that then does keeps its place until it is available."""
    failed: tuple[Subject, ...] = ()
    """Did not start with the image, sorted; while there is one, nobody starts."""
    waiting: frozenset[Subject] = field(default_factory=frozenset)
    """Serve with another image, those that start now included."""


def resolve_stage(facts: DeploymentFacts, image: str, *, is_ready: bool, is_failing: bool) -> Stage:
    """Return where an Assistant stands.

    Args:
        facts: Its Deployment.
        image: The wanted image.
        is_ready: Its status says Ready.
        is_failing: A Pod of it cannot start.
    """
    if facts.is_empty:
        return Stage.SETTLED
    if facts.image == image:
        if not facts.origin or facts.is_available:
            return Stage.SETTLED
        return Stage.FAILED if facts.has_failed or is_failing else Stage.ROLLING
    if not facts.is_available:
        # Its own pass gives it the image now; a roll that was open stays one.
        return Stage.ROLLING if facts.origin else Stage.SETTLED
    return Stage.WAITING if is_ready else Stage.HELD


def decide_upgrade(stages: Iterable[tuple[Subject, Stage]], max_concurrent: int) -> Upgrade:
    """Decide who may restart now.

    The choice is by name, so every look at the same stages chooses the same, and one that starts
    takes nobody else's place.
    """
    by_stage: dict[Stage, list[Subject]] = {stage: [] for stage in Stage}
    for subject, stage in stages:
        by_stage[stage].append(subject)
    failed = tuple(sorted(by_stage[Stage.FAILED]))
    places = 0 if failed else max(0, max_concurrent - len(by_stage[Stage.ROLLING]))
    chosen = sorted(by_stage[Stage.WAITING])[:places]
    waiting = frozenset(by_stage[Stage.WAITING]) | frozenset(by_stage[Stage.HELD])
    return Upgrade(frozenset(chosen), failed, waiting)


def gather_facts(deployment: Manifest) -> DeploymentFacts:
    """Read the facts off a Deployment, or off what is kept of one."""
    metadata, spec = deployment.get("metadata") or {}, deployment.get("spec") or {}
    status = deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    is_current = (status.get("observedGeneration") or 0) >= (metadata.get("generation") or 0)
    annotations = metadata.get("annotations") or {}
    return DeploymentFacts(
        image=image_of(deployment),
        origin=str(annotations.get(labels.UPGRADED_FROM) or ""),
        digest=digest_of(deployment) or "",
        is_available=is_current and all((status.get(name) or 0) == wanted for name in counts),
        is_empty=wanted == 0,
        has_failed=is_current and _gave_up(status),
    )


def image_of(deployment: Manifest) -> str:
    """Return the image of the runtime's container."""
    template = (deployment.get("spec") or {}).get("template") or {}
    for container in (template.get("spec") or {}).get("containers") or ():
        if container.get("name") == names.RUNTIME_CONTAINER:
            return str(container.get("image") or "")
    return ""


def is_waiting(world: World) -> bool:
    """Say whether the Pod of this Assistant must stay as it is for now."""
    found = find_deployment(world)
    if found is None or world.turn.may_restart or world.assistant.spec.suspend:
        return False
    facts = gather_facts(found)
    return facts.is_available and not facts.is_empty and _is_outdated(world, facts)


def resolve_origin(world: World) -> str | None:
    """Return the image that the runtime is being rolled from, None where no roll is open."""
    found = find_deployment(world)
    if found is None or world.assistant.spec.suspend:
        return None
    facts = gather_facts(found)
    if not _is_outdated(world, facts):
        return None if facts.is_available else facts.origin or None
    if facts.is_empty or not (facts.is_available or facts.origin):
        return None
    return facts.image


def has_failed_roll(world: World) -> bool:
    """Say whether this Assistant is the one that does not start with the new image."""
    found = find_deployment(world)
    if found is None:
        return False
    facts = gather_facts(found)
    is_failing = is_fatal(world.pod_fault)
    image = world.settings.runtime_image
    stage = resolve_stage(facts, image, is_ready=False, is_failing=is_failing)
    return stage is Stage.FAILED


def is_fatal(fault: PodFault | None) -> bool:
    """Say whether a Pod that was given the image will not start with it by itself."""
    return fault is not None and fault.is_of_container


def _is_outdated(world: World, facts: DeploymentFacts) -> bool:
    return bool(facts.image) and facts.image != world.settings.runtime_image


def _gave_up(status: Manifest) -> bool:
    return any(
        condition.get("type") == "Progressing"
        and condition.get("status") == "False"
        and condition.get("reason") == "ProgressDeadlineExceeded"
        for condition in status.get("conditions") or ()
    )
