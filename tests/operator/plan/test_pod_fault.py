"""Faults of Pods: named by what is to be looked at, and the same while the cause is."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.reasons import Reason
from steward_operator.objects import Manifest
from steward_operator.plan.pod_fault import resolve_pod_fault

CLAIM: Manifest = {
    "metadata": {"name": "desk-data"},
    "spec": {"storageClassName": "fast"},
    "status": {"phase": "Pending"},
}


def make_pod(phase: str = "Running", **container: Any) -> Manifest:
    """A Pod with one container."""
    statuses = [{"name": "runtime", "image": "runtime:2", "ready": False, **container}]
    return {"metadata": {"name": "desk-x"}, "status": _status(phase, statuses)}


def _status(phase: str, statuses: list[dict[str, Any]]) -> dict[str, Any]:
    return {"phase": phase, "containerStatuses": statuses}


def waits(reason: str) -> dict[str, Any]:
    """The state of a container that waits."""
    return {"state": {"waiting": {"reason": reason, "message": "attempt 17 of desk-x"}}}


@pytest.mark.parametrize(
    ("pod", "reason", "mention"),
    [
        (make_pod("Pending", **waits("ImagePullBackOff")), Reason.IMAGE_UNAVAILABLE, "runtime:2"),
        (make_pod("Pending", **waits("ErrImagePull")), Reason.IMAGE_UNAVAILABLE, "runtime:2"),
        (
            make_pod("Pending", **waits("CreateContainerConfigError")),
            Reason.CONTAINER_REFUSED,
            "CreateContainerConfigError",
        ),
        (
            make_pod(
                **waits("CrashLoopBackOff"),
                lastState={"terminated": {"exitCode": 78, "message": "secret words"}},
            ),
            Reason.CONTAINER_CRASHING,
            "exit code 78",
        ),
        (
            make_pod(
                state={"running": {}},
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            ),
            Reason.CONTAINER_CRASHING,
            "OOMKilled",
        ),
    ],
)
def test_names_the_cause(pod: Manifest, reason: Reason, mention: str) -> None:
    """Image, configuration or crash; neither messages nor names of Pods are repeated."""
    fault = resolve_pod_fault([pod], "desk", None)
    assert fault is not None
    assert (fault.reason, fault.is_of_container) == (reason, True)
    assert mention in fault.detail
    assert "secret words" not in fault.detail
    assert "desk-x" not in fault.detail


@pytest.mark.parametrize(
    "pod",
    [
        make_pod("Pending", **waits("ContainerCreating")),
        make_pod(state={"running": {}}),
        make_pod(state={"running": {}}, lastState={"terminated": {"exitCode": 0}}),
        make_pod(state={"running": {}}, ready=True, lastState={"terminated": {"exitCode": 1}}),
    ],
)
def test_a_pod_that_may_still_come_up_is_no_fault(pod: Manifest) -> None:
    """Neither is one that ended once and serves now."""
    assert resolve_pod_fault([pod], "desk", None) is None


def test_a_claim_without_volume_is_named_with_its_class() -> None:
    """Only while no Pod runs, and only while it is not bound."""
    pending = make_pod("Pending", **waits("ContainerCreating"))
    fault = resolve_pod_fault([pending], "desk", CLAIM)
    assert fault is not None
    assert (fault.reason, fault.is_of_container) == (Reason.VOLUME_NOT_BOUND, False)
    assert "PersistentVolumeClaim desk-data" in fault.detail
    assert "StorageClass fast" in fault.detail
    bound = {**CLAIM, "status": {"phase": "Bound"}}
    assert resolve_pod_fault([pending], "desk", bound) is None
    without = resolve_pod_fault([pending], "desk", {**CLAIM, "spec": {}})
    assert without is not None
    assert "no default StorageClass" in without.detail


def test_the_volume_weighs_more_than_the_scheduler_and_the_image_more_than_both() -> None:
    """An unbound claim is why no node takes the Pod; the scheduler's words follow it."""
    unplaced = make_pod("Pending")
    unplaced["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    ]
    fault = resolve_pod_fault([unplaced], "desk", None)
    assert fault is not None
    assert (fault.reason, fault.detail) == (Reason.POD_NOT_SCHEDULED, "0/1 nodes are available")
    fault = resolve_pod_fault([unplaced], "desk", CLAIM)
    assert fault is not None
    assert fault.reason is Reason.VOLUME_NOT_BOUND
    broken = make_pod("Pending", **waits("ImagePullBackOff"))
    fault = resolve_pod_fault([unplaced, broken], "desk", CLAIM)
    assert fault is not None
    assert fault.reason is Reason.IMAGE_UNAVAILABLE


def test_a_pod_on_its_way_out_says_nothing() -> None:
    """The old Pod of a roll may end as it likes."""
    pod = make_pod(**waits("CrashLoopBackOff"))
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert resolve_pod_fault([pod], "desk", CLAIM) is None
