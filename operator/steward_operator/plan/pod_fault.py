"""Why a Pod of the runtime does not come up: read off the Pods' status, and said without content.

Texts name what is to be looked at and hold nothing that changes while the cause stays: no name of a
Pod, no counter, no time. Termination messages are never repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from steward_api.reasons import Reason
from steward_operator.objects import Manifest
from steward_operator.plan.world import PodFault

IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
CONFIG_REASONS: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
CRASH_REASON: Final = "CrashLoopBackOff"
DETAIL_LENGTH_MAX: Final = 200


def resolve_pod_fault(
    pods: Iterable[Manifest], deployment: str, claim: Manifest | None
) -> PodFault | None:
    """Return the weightiest fault, None where a Pod may still come up by itself.

    Args:
        pods: Pods of the runtime.
        deployment: Name of the Deployment, for the advice.
        claim: The volume claim, where it was read.
    """
    staying = [pod for pod in pods if not (pod.get("metadata") or {}).get("deletionTimestamp")]
    found = [fault for pod in staying for fault in _faults_of(pod, deployment)]
    if claim is not None and staying and not any(_is_running(pod) for pod in staying):
        found += _unbound(claim)
    return min(found, key=lambda fault: (_ORDER.index(fault.reason), fault.detail), default=None)


def has_unstarted(pods: Iterable[Manifest]) -> bool:
    """Say whether a Pod waits for something outside it, as for a volume."""
    return any((pod.get("status") or {}).get("phase") == "Pending" for pod in pods)


def _faults_of(pod: Manifest, deployment: str) -> Iterator[PodFault]:
    status: dict[str, Any] = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        fault = _container_fault(container, deployment)
        if fault is not None:
            yield fault
    for condition in status.get("conditions") or ():
        is_unplaced = condition.get("type") == "PodScheduled" and condition.get("status") == "False"
        if is_unplaced:
            words = str(condition.get("message") or "no node was found")
            yield PodFault(Reason.POD_NOT_SCHEDULED, words[:DETAIL_LENGTH_MAX])


def _container_fault(container: Manifest, deployment: str) -> PodFault | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    if reason in IMAGE_REASONS:
        detail = f"image {container.get('image')} cannot be had"
        return PodFault(Reason.IMAGE_UNAVAILABLE, detail, is_of_container=True)
    if reason in CONFIG_REASONS:
        detail = f"the container cannot be made ({reason}); see the events of the Pod"
        return PodFault(Reason.CONTAINER_REFUSED, detail, is_of_container=True)
    ended = (container.get("lastState") or {}).get("terminated") or {}
    is_crashing = reason == CRASH_REASON or (
        bool(ended) and ended.get("exitCode") != 0 and not container.get("ready")
    )
    if not is_crashing:
        return None
    how = f"exit code {ended['exitCode']}" if "exitCode" in ended else "an unknown exit code"
    if ended.get("reason") == "OOMKilled":
        how = "its memory limit (OOMKilled)"
    detail = (
        f"the container ends with {how} each time; see "
        f"`kubectl logs deployment/{deployment} --previous`"
    )
    return PodFault(Reason.CONTAINER_CRASHING, detail, is_of_container=True)


def _unbound(claim: Manifest) -> Iterator[PodFault]:
    if (claim.get("status") or {}).get("phase") == "Bound":
        return
    name = claim["metadata"]["name"]
    storage_class = (claim.get("spec") or {}).get("storageClassName")
    what = f"StorageClass {storage_class}" if storage_class else "no default StorageClass"
    detail = f"PersistentVolumeClaim {name} is not bound ({what}); see its events"
    yield PodFault(Reason.VOLUME_NOT_BOUND, detail)


def _is_running(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running"


_ORDER: Final = (
    Reason.IMAGE_UNAVAILABLE,
    Reason.CONTAINER_REFUSED,
    Reason.CONTAINER_CRASHING,
    Reason.VOLUME_NOT_BOUND,
    Reason.POD_NOT_SCHEDULED,
)
