"""An Assistant that is deleted while no operator runs: nothing is lost or forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator import names
from steward_operator_lab.contract import Keeper, run_keeper
from steward_operator_lab.reading import ASSISTANT_KIND, describe, wait_quiet, wait_ready
from steward_operator_lab.samples import build_assistant, build_memory_policy, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.usefixtures("processes")]

SECONDS = 90.0


@pytest.fixture
def keeper(
    control_plane: ControlPlane,
    kubelet: Kubelet,
    kinds: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Keeper]:
    """An operator with a key and an archive."""
    del kubelet, kinds
    with run_keeper(control_plane, tmp_path_factory.mktemp("keeper")) as running:
        yield running


def start(bench: Workbench, policy: str) -> str:
    """Create an Assistant, wait until it is Ready, and return its uid."""
    assistant = build_assistant(memoryPolicyRef={"name": "memory"}, deletionPolicy=policy)
    bench.create(*build_needs(), build_memory_policy(), assistant)
    return str(wait_ready(bench.admin, bench.namespace)["metadata"]["uid"])


def is_gone(bench: Workbench) -> bool:
    """Say whether the Assistant is gone."""
    return bench.find(ASSISTANT_KIND, "helper") is None


def test_an_erasure_waits_for_the_operator_and_is_then_proven(
    keeper: Keeper, bench: Workbench
) -> None:
    """The finalizer holds the Assistant, and its runtime; the operator that comes back erases."""
    uid = start(bench, "Erase")
    keeper.process.stop()
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    held = bench.get(ASSISTANT_KIND, "helper")
    assert held["metadata"]["deletionTimestamp"]
    assert held["metadata"]["finalizers"] == [names.ERASURE_FINALIZER]
    assert bench.find("apps/v1/Deployment", "helper") is not None
    keeper.process.start()
    wait_until(lambda: is_gone(bench), "its deletion", SECONDS)
    assert keeper.find_erasure(uid) is not None


def test_retaining_needs_no_operator_and_is_no_news_to_it(
    control_plane: ControlPlane, keeper: Keeper, bench: Workbench
) -> None:
    """The garbage collector does it; volume and keys stay, and the operator touches neither."""
    start(bench, "Retain")
    keeper.process.stop()
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    wait_until(lambda: is_gone(bench), "its deletion", SECONDS)
    wait_until(
        lambda: bench.find("apps/v1/Deployment", "helper") is None, "the collection", SECONDS
    )
    mark = control_plane.audit.mark()
    keeper.process.start()
    writes = wait_quiet(keeper.process, mark, bench.namespace)
    assert not writes, describe(writes)
    assert bench.find("v1/PersistentVolumeClaim", "helper-data") is not None
    assert bench.find("v1/ConfigMap", "helper-keys-anchor-1") is not None
