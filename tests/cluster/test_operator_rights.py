"""Each right of the operator taken away: nothing fails in silence, and nothing that serves stops.

`STEWARD_RIGHTS=all` takes each verb on each resource; without it a sample is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from steward_api.meta import API_VERSION, GROUP
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import StartError
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import ASSISTANT_KIND, has_condition, list_children, wait_ready
from steward_operator_lab.rights import Right, gather_rights, taken_away
from steward_operator_lab.samples import build_assistant, build_needs, build_tool
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]

SAMPLE = (
    Right("ClusterRole", "", "secrets", "create"),
    Right("ClusterRole", "", "services", "watch"),
    Right("ClusterRole", "apps", "deployments", "patch"),
    Right("ClusterRole", GROUP, "assistants/status", "patch"),
    Right("ClusterRole", GROUP, "tools", "list"),
    Right("Role", "coordination.k8s.io", "leases", "update"),
)
CHOSEN = gather_rights() if os.environ.get("STEWARD_RIGHTS") == "all" else SAMPLE
SHOWN_SECONDS = 40.0
PROMPT_KIND = f"{API_VERSION}/Prompt"


@pytest.fixture(scope="module")
def home(control_plane: ControlPlane) -> Iterator[str]:
    """Namespace of the operator."""
    name = control_plane.create_namespace("operator")
    yield name
    control_plane.admin.delete("v1/Namespace", name)


@pytest.fixture
def deprived(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...], home: str
) -> Iterator[OperatorProcess]:
    """An operator that takes part in an election and can be deprived; not started."""
    assert kinds
    del kubelet
    process = OperatorProcess(
        control_plane, home, arguments=("--leader-elect", "--operator-namespace", home)
    )
    yield process
    process.kill()


@pytest.fixture
def settled(deprived: OperatorProcess, bench: Workbench) -> Manifest:
    """An Assistant that was served before a right was lost; its operator is stopped."""
    deprived.start()
    bench.create(*build_needs(), build_tool(), build_assistant("before"))
    ready = wait_ready(bench.admin, bench.namespace, "before")
    deprived.stop()
    return ready


def start_if_it_can(process: OperatorProcess) -> bool:
    """Start the operator; say whether it stayed."""
    try:
        process.start()
    except StartError:
        return False
    return True


def keep_busy(bench: Workbench) -> None:
    """Give the operator something to do with every right that it has."""
    bench.create(build_assistant("after", toolRefs=[{"name": "tool"}]))
    bench.create(build_assistant("erased", deletionPolicy="Erase"))
    bench.edit(PROMPT_KIND, "prompt", {"spec": {"template": "Something else."}})
    for kind in ("v1/Service", "batch/v1/CronJob", "networking.k8s.io/v1/NetworkPolicy"):
        for child in list_children_of(bench, kind):
            bench.admin.delete(kind, child, bench.namespace)
    for kind in ("v1/ServiceAccount", "v1/PersistentVolumeClaim", "apps/v1/Deployment"):
        for child in list_children_of(bench, kind):
            bench.edit(kind, child, {"metadata": {"labels": {"app.kubernetes.io/name": "other"}}})


def list_children_of(bench: Workbench, kind: str) -> list[str]:
    """Names of the served Assistant's children of a kind."""
    found = list_children(bench.admin, bench.namespace, "before")
    return [
        c["metadata"]["name"] for c in found if f"{c.get('apiVersion')}/{c.get('kind')}" == kind
    ]


def list_pods(bench: Workbench) -> set[str]:
    """Uids of all Pods."""
    return {pod["metadata"]["uid"] for pod in bench.admin.list("v1/Pod", bench.namespace)}


def is_told(right: Right, process: OperatorProcess, admin: KubeClient, namespace: str) -> bool:
    """Say whether a log line, a condition or an Event names verb and resource."""
    words = f'cannot {right.verb} resource \\"{right.resource}\\"'
    log = process.read_log()
    told = [c["message"] for a in admin.list(ASSISTANT_KIND, namespace) for c in conditions_of(a)]
    told += [event.get("message", "") for event in admin.list("v1/Event", namespace)]
    plain = words.replace("\\", "")
    return f'"{right}"' in log or words in log or any(plain in message for message in told)


def conditions_of(manifest: Manifest) -> list[Manifest]:
    """Conditions of an object."""
    return list((manifest.get("status") or {}).get("conditions") or ())


def is_done(bench: Workbench) -> bool:
    """Say whether all that was asked for is there all the same."""
    names = {"before", "after", "erased"}
    ready = {
        found["metadata"]["name"]
        for found in bench.admin.list(ASSISTANT_KIND, bench.namespace)
        if has_condition(found, "Ready", "True")
        and found["status"]["observedGeneration"] == found["metadata"]["generation"]
    }
    return ready == names and bool(list_children_of(bench, "v1/Service"))


@pytest.mark.parametrize("right", CHOSEN, ids=str)
def test_a_missing_right_is_named_and_stops_nothing_that_serves(
    control_plane: ControlPlane,
    deprived: OperatorProcess,
    settled: Manifest,
    bench: Workbench,
    home: str,
    right: Right,
) -> None:
    """Either all gets done without the right, or verb and resource are named; Pods stay."""
    pods = list_pods(bench)
    assert settled
    before = len(deprived.read_log())
    with taken_away(control_plane, right, home):
        if not start_if_it_can(deprived):
            words = f'cannot {right.verb} resource \\"{right.resource}'
            assert words in deprived.read_log()[before:]
            assert pods == list_pods(bench)
            return
        keep_busy(bench)
        wait_until(
            lambda: is_told(right, deprived, bench.admin, bench.namespace) or is_done(bench),
            f"a word about {right}",
            SHOWN_SECONDS,
        )
    assert list_pods(bench), "nothing that served was taken down"
