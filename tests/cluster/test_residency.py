"""Zones: where the real scheduler places Pods of an assistant, and where it places none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from steward_lab.building import build_set
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import Manifest
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_loopback.polling import wait_until
from steward_operator.labels import COMPONENT
from steward_operator.names import Component
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.samples import build_assistant, build_needs, build_object
from steward_operator_lab.workbench import Workbench
from steward_scheduler import SCHEDULER, Scheduler, add_node

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SECONDS = 30.0


@pytest.fixture(scope="module")
def scheduler(control_plane: ControlPlane, operator: OperatorProcess) -> Iterator[Scheduler]:
    """The scheduler, beside a running operator."""
    assert operator.process is not None
    build_set(SCHEDULER)
    found = Scheduler(control_plane)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def bench(
    control_plane: ControlPlane, kubelet: Kubelet, scheduler: Scheduler, namespace: str
) -> Iterator[Workbench]:
    """A namespace whose Pods only the scheduler places, in a cluster with a node in the west."""
    scheduler.check_running()
    kubelet.add_rule(Rule(Outcome.UNBOUND, namespace=namespace))
    add_node(control_plane.admin, f"{namespace}-west", "west")
    yield Workbench(control_plane.admin, namespace)
    for side in ("west", "east"):
        if control_plane.admin.find("v1/Node", f"{namespace}-{side}"):
            control_plane.admin.delete("v1/Node", f"{namespace}-{side}")
    kubelet.drop_rules(namespace)


def pods(bench: Workbench) -> list[Manifest]:
    """Return the Pods that serve the assistant."""
    selector = f"{COMPONENT}={Component.RUNTIME.value}"
    return list(bench.admin.list("v1/Pod", bench.namespace, labels=selector))


def place_of(bench: Workbench) -> str:
    """Return the node of the assistant's Pod, or why it has none; nothing while nobody decided."""
    for pod in pods(bench):
        if pod["spec"].get("nodeName"):
            return str(pod["spec"]["nodeName"])
        for condition in (pod.get("status") or {}).get("conditions") or ():
            if condition["type"] == "PodScheduled" and "affinity" in condition["message"]:
                return str(condition["reason"])
    return ""


def wait_place(bench: Workbench) -> str:
    """Return where the scheduler puts the Pod, or that it finds no place."""
    wait_until(lambda: place_of(bench), "the scheduler's decision", SECONDS)
    return place_of(bench)


def start(bench: Workbench, **spec: Any) -> None:
    """Create an Assistant and what it needs."""
    bench.create(*build_needs(), build_assistant(**spec))


def open_the_east(bench: Workbench) -> None:
    """Add a node in the east."""
    add_node(bench.admin, f"{bench.namespace}-east", "east")


def test_without_zones_any_node_will_do(bench: Workbench) -> None:
    """An assistant that says nothing of zones runs on a node that there is."""
    start(bench)
    assert wait_place(bench) != "Unschedulable"


def test_zones_choose_the_nodes(bench: Workbench) -> None:
    """In the west there is no place for an assistant of the east, and in the east there is."""
    start(bench, residency={"zones": ["east"]})
    assert wait_place(bench) == "Unschedulable"
    open_the_east(bench)
    wait_until(lambda: place_of(bench) == f"{bench.namespace}-east", "a place", SECONDS)


def test_a_policy_chooses_the_nodes_of_whoever_names_no_zone(bench: Workbench) -> None:
    """Zones that a policy allows hold for an assistant that says nothing of zones."""
    spec = {"namespaces": [bench.namespace], "residency": {"allowedZones": ["east"]}}
    bench.admin.create(build_object("ClusterAssistantPolicy", bench.namespace[:40], spec))
    start(bench)
    assert wait_place(bench) == "Unschedulable"
    open_the_east(bench)
    wait_until(lambda: place_of(bench) == f"{bench.namespace}-east", "a place", SECONDS)
