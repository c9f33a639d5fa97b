"""Pods that do not come up: the cause is named, and other Assistants go on."""

from __future__ import annotations

import pytest

from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_operator_lab.reading import wait_condition, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


@pytest.mark.parametrize(
    ("outcome", "reason", "mention"),
    [
        (Outcome.IMAGE_PULL_BACK_OFF, "ImageUnavailable", "steward-runtime"),
        (Outcome.CRASH_LOOP, "ContainerCrashing", "exit code 78"),
    ],
)
def test_a_container_that_cannot_start_is_named_and_its_mending_noticed(
    kubelet: Kubelet, bench: Workbench, outcome: Outcome, reason: str, mention: str
) -> None:
    """Image or exit code; the neighbour is served, and in the end both are."""
    namespace = bench.namespace
    kubelet.add_rule(Rule(outcome, namespace=namespace, name_prefix="broken-", exit_code=78))
    bench.create(*build_needs(), build_assistant("broken"), build_assistant("sound"))
    wait_condition(bench.admin, namespace, "broken", "Ready", "False", reason, mention)
    wait_condition(bench.admin, namespace, "broken", "Stalled", "True", reason)
    wait_ready(bench.admin, namespace, "sound")
    kubelet.drop_rules(namespace)
    wait_ready(bench.admin, namespace, "broken")


def test_a_claim_that_cannot_be_bound_is_named(kubelet: Kubelet, bench: Workbench) -> None:
    """Its StorageClass does not exist: claim and class are named, and the neighbour is served."""
    # A kubelet that marks Pods looks at no claim, so it is told to leave this one waiting.
    kubelet.add_rule(Rule(Outcome.PENDING, namespace=bench.namespace, name_prefix="stuck-"))
    storage = {"size": "1Gi", "storageClassName": "nowhere"}
    stuck, sound = build_assistant("stuck", storage=storage), build_assistant("sound")
    bench.create(*build_needs(), stuck, sound)
    for word in ("PersistentVolumeClaim stuck-data", "StorageClass nowhere"):
        wait_condition(
            bench.admin, bench.namespace, "stuck", "Ready", "False", "VolumeNotBound", word
        )
    wait_ready(bench.admin, bench.namespace, "sound")
