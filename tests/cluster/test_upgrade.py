"""An upgrade from the previous release and its rollback, with objects that are stored meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import MANIFESTS, OperatorProcess
from steward_operator_lab.reading import ASSISTANT_KIND, wait_quiet, wait_ready
from steward_operator_lab.samples import Manifest, build_prompt, build_whole_set
from steward_operator_lab.workbench import Workbench
from steward_previous import PreviousRelease, find_differences, unpack_previous

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

IMAGE = ("--runtime-image", "steward-runtime:same")
NEXT_IMAGE = ("--runtime-image", "steward-runtime:next")


@pytest.fixture(scope="module")
def previous() -> PreviousRelease:
    """The previous release."""
    return unpack_previous()


@pytest.fixture
def stage(
    control_plane: ControlPlane, kubelet: Kubelet, previous: PreviousRelease
) -> Iterator[tuple[ControlPlane, PreviousRelease]]:
    """A cluster with the previous release's kinds; this release's are put back afterwards."""
    del kubelet
    control_plane.apply_crds(previous.manifests)
    yield control_plane, previous
    control_plane.apply_crds(MANIFESTS)


def build_operator(
    plane: ControlPlane, namespace: str, *arguments: str, previous: PreviousRelease | None = None
) -> OperatorProcess:
    """An operator of this release, or of the previous one."""
    if previous is None:
        return OperatorProcess(plane, namespace, arguments=arguments)
    command = previous.build_command("steward_operator.main")
    return OperatorProcess(plane, namespace, arguments=arguments, command=command)


def find_pod_ids(bench: Workbench) -> set[str]:
    """The Pods that run now."""
    pods = bench.admin.list("v1/Pod", bench.namespace)
    return {pod["metadata"]["uid"] for pod in pods if not pod["metadata"].get("deletionTimestamp")}


def read_specs(bench: Workbench, manifests: tuple[Manifest, ...]) -> list[Manifest]:
    """What is stored of our objects."""
    return [
        bench.admin.get(
            f"{manifest['apiVersion']}/{manifest['kind']}",
            manifest["metadata"]["name"],
            bench.namespace,
        )["spec"]
        for manifest in manifests
    ]


def holds(stored: object, wanted: object) -> bool:
    """Say whether all that was stored is still there; new defaults may be beside it."""
    if isinstance(wanted, dict) and isinstance(stored, dict):
        return all(name in stored and holds(stored[name], wanted[name]) for name in wanted)
    return stored == wanted


def assert_kept(stored: list[Manifest], wanted: list[Manifest]) -> None:
    """Check every stored spec."""
    for now, before in zip(stored, wanted, strict=True):
        assert holds(now, before), (now, before)


def test_the_kinds_have_changed_since(previous: PreviousRelease) -> None:
    """Else the tests below would show nothing about stored objects."""
    assert any("assistants" in name for name in find_differences(previous, "crds/manifests", "*"))


def test_an_upgrade_and_its_rollback_lose_nothing_and_restart_nothing(
    stage: tuple[ControlPlane, PreviousRelease], bench: Workbench
) -> None:
    """With the same image and Blueprint the Pods stay, and every object can still be edited."""
    plane, previous = stage
    home = plane.create_namespace("operator")
    objects = build_whole_set()
    old = build_operator(plane, home, *IMAGE, previous=previous)
    new = build_operator(plane, home, *IMAGE)
    old.start()
    bench.create(*objects)
    digest = wait_ready(bench.admin, bench.namespace)["status"]["blueprintDigest"]
    wait_quiet(old, plane.audit.mark(), bench.namespace)
    pods, specs = find_pod_ids(bench), read_specs(bench, objects)
    old.stop()

    plane.apply_crds(MANIFESTS)
    assert_kept(read_specs(bench, objects), specs)
    new.start()
    wait_quiet(new, plane.audit.mark(), bench.namespace)
    upgraded = wait_ready(bench.admin, bench.namespace)
    assert (upgraded["status"]["blueprintDigest"], find_pod_ids(bench)) == (digest, pods)
    new.stop()

    plane.apply_crds(previous.manifests)
    old.start()
    wait_quiet(old, plane.audit.mark(), bench.namespace)
    assert_kept(read_specs(bench, objects), specs)
    assert find_pod_ids(bench) == pods
    bench.edit(f"{API_VERSION}/Prompt", "prompt", {"spec": build_prompt(template="Anew.")["spec"]})
    bench.admin.wait(
        ASSISTANT_KIND,
        "helper",
        bench.namespace,
        lambda found: found["status"].get("blueprintDigest") not in {None, digest},
    )
    old.stop()


def test_a_changed_image_restarts_what_an_upgrade_brings(
    stage: tuple[ControlPlane, PreviousRelease], bench: Workbench
) -> None:
    """The usual upgrade, whose image is another, ends Ready with fresh Pods."""
    plane, previous = stage
    home = plane.create_namespace("operator")
    old = build_operator(plane, home, *IMAGE, previous=previous)
    old.start()
    bench.create(*build_whole_set())
    wait_ready(bench.admin, bench.namespace)
    pods = find_pod_ids(bench)
    old.stop()
    plane.apply_crds(MANIFESTS)
    new = build_operator(plane, home, *NEXT_IMAGE)
    new.start()
    wait_ready(bench.admin, bench.namespace)
    wait_until(lambda: find_pod_ids(bench) and not find_pod_ids(bench) & pods, "fresh Pods", 30)
    new.stop()
