"""Ways of deleting an Assistant that let nobody wait: in the foreground, and without finalizer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet
from steward_lab.waiting import wait_until
from steward_operator_lab.contract import Keeper, run_keeper
from steward_operator_lab.reading import ASSISTANT_KIND, list_children, wait_condition, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

GONE_SECONDS = 90.0
NOBODY = {"kind": "Assistant", "name": "nobody", "uid": "00000000-0000-4000-8000-000000000000"}


@pytest.fixture(scope="module")
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


@pytest.fixture
def desk(keeper: Keeper, bench: Workbench) -> Manifest:
    """An Assistant under Erase that is Ready, once the garbage collector knows its kind."""
    assert keeper.namespace
    bench.create(*build_needs(), build_assistant("desk", deletionPolicy="Erase"))
    desk = wait_ready(bench.admin, bench.namespace, "desk")
    # It learns of new kinds every half minute: then it takes a child of one that never was.
    owner = {**NOBODY, "apiVersion": desk["apiVersion"]}
    orphan = {"name": "orphan", "ownerReferences": [owner]}
    bench.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": orphan})
    bench.admin.wait_gone("v1/ConfigMap", "orphan", bench.namespace, deadline_seconds=GONE_SECONDS)
    return desk


def wait_left_nothing(admin: KubeClient, namespace: str) -> None:
    """Wait until no child is left, volume and keys included."""
    wait_until(
        lambda: not list_children(admin, namespace, "desk"),
        "the end of all children",
        deadline_seconds=GONE_SECONDS,
    )


@pytest.mark.usefixtures("processes")
def test_a_deletion_in_the_foreground_waits_for_the_proof(
    control_plane: ControlPlane, keeper: Keeper, bench: Workbench, desk: Manifest
) -> None:
    """The garbage collector has a second in which nobody looks, and leaves the runtime alone."""
    wait_condition(bench.admin, bench.namespace, "desk", "RuntimeVerified", "True")
    keeper.process.pause()
    try:
        bench.admin.delete(ASSISTANT_KIND, "desk", bench.namespace, propagation="Foreground")
        bench.admin.wait(
            "apps/v1/Deployment",
            "desk",
            bench.namespace,
            lambda found: (
                [o["kind"] for o in found["metadata"]["ownerReferences"]] == ["ConfigMap"]
            ),
        )
    finally:
        keeper.process.resume()
    bench.admin.wait_gone(ASSISTANT_KIND, "desk", bench.namespace, deadline_seconds=GONE_SECONDS)
    uid = desk["metadata"]["uid"]
    assert keeper.find_record(control_plane, uid) is None
    assert keeper.find_erasure(uid) is not None
    wait_left_nothing(bench.admin, bench.namespace)


def test_without_its_finalizer_nothing_of_it_serves_on(
    keeper: Keeper, bench: Workbench, desk: Manifest
) -> None:
    """Somebody takes the finalizer away while the operator is absent."""
    assert desk["metadata"]["finalizers"]
    keeper.process.stop()
    try:
        bench.admin.delete(ASSISTANT_KIND, "desk", bench.namespace)
        bench.edit(ASSISTANT_KIND, "desk", {"metadata": {"finalizers": None}})
        bench.admin.wait_gone(ASSISTANT_KIND, "desk", bench.namespace)
        assert list_children(bench.admin, bench.namespace, "desk")
    finally:
        keeper.process.start()
    wait_left_nothing(bench.admin, bench.namespace)
