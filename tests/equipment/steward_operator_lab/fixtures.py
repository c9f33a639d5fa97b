"""Fixtures of the tests of the operator; a test module names this one in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet
from steward_operator_lab.operating import MANIFESTS, OperatorProcess, run_operator
from steward_operator_lab.pair import Pair
from steward_operator_lab.workbench import Workbench


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> tuple[str, ...]:
    """Our kinds, installed."""
    return control_plane.apply_crds(MANIFESTS)


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...]
) -> Iterator[OperatorProcess]:
    """The operator, serving all namespaces under its own identity while the module runs."""
    del kinds, kubelet  # in place before the operator starts
    with run_operator(control_plane) as process:
        yield process


@pytest.fixture
def pair(control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...]) -> Iterator[Pair]:
    """A leader and a standby in a namespace of their own."""
    assert kinds
    del kubelet
    home = control_plane.create_namespace("operator")
    replicas = Pair(control_plane, home)
    replicas.start()
    yield replicas
    replicas.stop()
    control_plane.admin.delete("v1/Namespace", home)


@pytest.fixture
def bench(admin: KubeClient, namespace: str) -> Workbench:
    """A fresh namespace to work in."""
    return Workbench(admin, namespace)
