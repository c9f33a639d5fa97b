"""Crashes and outages at awkward moments end in the same state as a quiet day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import MANIFESTS, OperatorProcess, run_operator
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    describe,
    list_children,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import build_assistant, build_needs, build_whole_set
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ONE_OF_EACH = {
    "ServiceAccount": 1,
    "ConfigMap": 4,
    "PersistentVolumeClaim": 1,
    "Service": 2,
    "NetworkPolicy": 2,
    "Deployment": 1,
    "CronJob": 1,
    "Secret": 4,
}


@pytest.mark.parametrize("writes", [1, 2, 4, 6, 9, 12, 15, 16])
def test_a_crash_after_any_write_leaves_no_trace(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench, writes: int
) -> None:
    """Killed once so many writes are through, a new process finishes without a second key."""
    bench.create(*build_needs())
    wait_quiet(operator, control_plane.audit.mark(), bench.namespace)
    mark = control_plane.audit.mark()

    def count() -> int:
        made = operator.writes_since(mark)
        return sum(w.namespace == bench.namespace and w.verb == "create" for w in made)

    bench.create(build_assistant())
    wait_until(lambda: count() >= writes, "so many writes")
    operator.kill()
    operator.start()
    wait_ready(bench.admin, bench.namespace)
    wait_quiet(operator, mark, bench.namespace)
    found = Counter(c["kind"] for c in list_children(bench.admin, bench.namespace))
    assert found == ONE_OF_EACH
    repeated = [w for w in operator.writes_since(mark) if w.code == 409]
    assert not repeated, describe(repeated)


@pytest.fixture
def own_plane(kubelet: Kubelet) -> Iterator[ControlPlane]:
    """A control plane that a test may crash."""
    del kubelet
    with ControlPlane() as plane:
        yield plane


def is_storage_back(bench: Workbench) -> bool:
    """Say whether the API server serves our kinds again; it answers 429 at first."""
    try:
        return bool(bench.admin.list(ASSISTANT_KIND, bench.namespace))
    except ApiError:
        return False


def test_an_outage_of_the_api_server_is_sat_out(own_plane: ControlPlane) -> None:
    """Watches come back by themselves, and what changed meanwhile is done."""
    own_plane.apply_crds(MANIFESTS)
    with Kubelet(own_plane), run_operator(own_plane) as operator:
        bench = Workbench(own_plane.admin, own_plane.create_namespace("outage"))
        bench.create(*build_whole_set())
        before = wait_ready(bench.admin, bench.namespace)["status"]["blueprintDigest"]
        wait_quiet(operator, own_plane.audit.mark(), bench.namespace)
        own_plane.api_server.kill()
        own_plane.api_server.start()
        own_plane.wait_ready()
        wait_until(lambda: is_storage_back(bench), "the storage of our kinds", 60)
        bench.admin.delete("v1/Service", "helper", bench.namespace)
        change = {"spec": {"template": "After the outage."}}
        bench.edit(f"{API_VERSION}/Prompt", "prompt", change)
        bench.admin.wait(
            ASSISTANT_KIND,
            "helper",
            bench.namespace,
            lambda m: m["status"]["blueprintDigest"] != before,
            deadline_seconds=60,
        )
        wait_ready(bench.admin, bench.namespace)
        assert bench.find("v1/Service", "helper")
        assert operator.process is not None
        operator.process.check_running()
