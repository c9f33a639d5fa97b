"""Two replicas: one writes, the other takes over, and neither writes what the other has written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator.names import FIELD_MANAGER
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import describe, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

TAKEOVER_SECONDS = 40.0


@pytest.fixture
def home(control_plane: ControlPlane) -> Iterator[str]:
    """Namespace of both replicas and their Lease."""
    name = control_plane.create_namespace("operator")
    yield name
    control_plane.admin.delete("v1/Namespace", name)


@pytest.fixture
def replicas(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...], home: str
) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """A leader and a standby, each under the same ServiceAccount."""
    assert kinds
    del kubelet
    arguments = ("--leader-elect", "--operator-namespace", home)
    first = OperatorProcess(control_plane, home, arguments=arguments)
    second = OperatorProcess(control_plane, home, arguments=arguments)
    first.start()
    wait_until(lambda: "synced" in first.read_log(), "the first replica to lead", 60)
    second.start()
    yield first, second
    for replica in (first, second):
        replica.kill()


def read_holder(control_plane: ControlPlane, home: str) -> str:
    """Who holds the Lease."""
    lease = control_plane.admin.get("coordination.k8s.io/v1/Lease", FIELD_MANAGER, home)
    return str(lease["spec"]["holderIdentity"])


def test_the_standby_writes_nothing_and_takes_over_from_a_dead_leader(
    control_plane: ControlPlane,
    replicas: tuple[OperatorProcess, OperatorProcess],
    bench: Workbench,
    home: str,
) -> None:
    """Fail-over without traffic costs no write outside the Lease, and work goes on after it."""
    leader, standby = replicas
    bench.create(*build_needs(), build_assistant("before"))
    wait_ready(bench.admin, bench.namespace, "before")
    assert "synced" not in standby.read_log()
    before = read_holder(control_plane, home)
    mark = control_plane.audit.mark()
    leader.kill()
    wait_until(lambda: "synced" in standby.read_log(), "taking over", TAKEOVER_SECONDS)
    assert read_holder(control_plane, home) != before
    writes = [w for w in standby.writes_since(mark) if w.namespace == bench.namespace]
    assert not writes, describe(writes)
    bench.create(build_assistant("after"))
    wait_ready(bench.admin, bench.namespace, "after")


def test_a_clean_stop_hands_over_at_once(
    control_plane: ControlPlane, replicas: tuple[OperatorProcess, OperatorProcess], home: str
) -> None:
    """The Lease is given back, so nobody waits for its end."""
    leader, standby = replicas
    before = read_holder(control_plane, home)
    leader.stop()
    assert read_holder(control_plane, home) != before
    wait_until(lambda: "synced" in standby.read_log(), "taking over", TAKEOVER_SECONDS)


def test_a_leader_that_slept_past_its_lease_writes_nothing_when_it_wakes(
    control_plane: ControlPlane,
    replicas: tuple[OperatorProcess, OperatorProcess],
    bench: Workbench,
) -> None:
    """It finds out by its own clock before each write, and ends."""
    leader, standby = replicas
    leader.pause()
    try:
        wait_until(lambda: "synced" in standby.read_log(), "taking over", TAKEOVER_SECONDS)
        bench.create(*build_needs(), build_assistant())
        wait_ready(bench.admin, bench.namespace)
    finally:
        mark = control_plane.audit.mark()
        leader.resume()
    assert leader.process is not None
    wait_until(lambda: "LeaseLost" in leader.read_log(), "the end of the sleeper", 30)
    writes = [w for w in leader.writes_since(mark) if w.namespace == bench.namespace]
    assert not writes, describe(writes)
