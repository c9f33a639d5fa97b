"""FailedMount Events: whose Pod, and which Secret."""

from __future__ import annotations

from typing import Any

import pytest

from steward_operator.gather.mount_failures import MountFailures, assistants_of_pod
from steward_operator.gather.subject import Subject

MESSAGE = 'MountVolume.SetUp failed for volume "credential-1" : secret "model-token" not found'


def build_event(pod: str, message: str = MESSAGE) -> dict[str, Any]:
    """An Event of the kubelet."""
    return {"involvedObject": {"kind": "Pod", "namespace": "n", "name": pod}, "message": message}


@pytest.mark.parametrize(
    ("pod", "names"),
    [
        ("helper-7d4b9c6f5-x2x9z", ["helper"]),
        ("help-desk-7d4b9c6f5-x2x9z", ["help-desk"]),
        ("helper-purge-29381234-abcde", ["helper-purge", "helper"]),
        ("single", []),
    ],
)
def test_a_pod_is_named_after_its_assistant(pod: str, names: list[str]) -> None:
    """Pods of the Deployment and of the purge CronJob are told apart by who exists."""
    assert [subject.name for subject in assistants_of_pod("n", pod)] == names


def test_a_missing_secret_is_remembered_until_it_is_there() -> None:
    """Several Events of one Secret are one failure."""
    failures, helper = MountFailures(), Subject("Assistant", "n", "helper")
    assert failures.observe(build_event("helper-a-b")) == (helper,)
    failures.observe(build_event("helper-a-c"))
    assert failures.of(helper) == ("model-token",)
    failures.clear(helper, "model-token")
    assert failures.of(helper) == ()


@pytest.mark.parametrize(
    "message",
    ["", 'configmap "x" not found', "secret missing", 'secret "UPPER" not found', "\x00"],
)
def test_other_words_are_no_failure(message: str) -> None:
    """Only the kubelet's sentence about a Secret counts."""
    failures = MountFailures()
    assert failures.observe(build_event("helper-a-b", message)) == ()
    assert failures.observe({"message": MESSAGE}) == ()
