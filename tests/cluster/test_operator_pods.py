"""Pods that do not come up: the cause is named, and other Assistants go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_operator_lab.reading import wait_condition, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

CLASS_KIND = "storage.k8s.io/v1/StorageClass"


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


@contextlib.contextmanager
def without_storage(admin: KubeClient) -> Iterator[None]:
    """Take the only StorageClass away until the block ends."""
    (found,) = admin.list(CLASS_KIND)
    kept = {name: found["metadata"][name] for name in ("name", "annotations")}
    admin.delete(CLASS_KIND, kept["name"])
    try:
        yield
    finally:
        admin.create({**found, "metadata": kept})


def test_a_claim_that_cannot_be_bound_is_named_and_its_mending_noticed(bench: Workbench) -> None:
    """Claim and missing class are named, the neighbour serves on, and in the end both do."""
    bench.create(*build_needs(), build_assistant("sound"))
    wait_ready(bench.admin, bench.namespace, "sound")
    with without_storage(bench.admin):
        bench.create(build_assistant("stuck"))
        for words in ("PersistentVolumeClaim stuck-data", "no default StorageClass"):
            wait_condition(
                bench.admin, bench.namespace, "stuck", "Ready", "False", "VolumeNotBound", words
            )
        assert wait_ready(bench.admin, bench.namespace, "sound")
    wait_ready(bench.admin, bench.namespace, "stuck")
