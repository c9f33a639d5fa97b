"""Fixtures of the tests that need the real control plane.

Each worker of pytest-xdist has a control plane and a kubelet of its own. What must be built is
built after collection and before the first test, since it takes longer than a test may.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.building import build_binaries, report_to_stderr
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet, Outcome, Rule


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the control plane when a selected test needs it and it isn't in the cache."""
    is_needed = any(item.get_closest_marker("cluster") for item in session.items)
    if not is_needed or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled():
            report_to_stderr(line)

    build_binaries(report)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A running control plane with ports and data of its own; its logs stay when a test failed."""
    plane = ControlPlane()
    plane.start()
    try:
        yield plane
    finally:
        is_failed = request.session.testsfailed > 0
        plane.stop(keep_logs=is_failed)
        if is_failed:
            report_to_stderr(f"the control plane's logs are kept in {plane.directory}")


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> KubeClient:
    """A client that may do everything."""
    return control_plane.admin


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A fresh namespace, deleted in the background afterwards."""
    name = control_plane.create_namespace("test")
    yield name
    control_plane.admin.delete("v1/Namespace", name)


@pytest.fixture(scope="session")
def kubelet(control_plane: ControlPlane) -> Iterator[Kubelet]:
    """A kubelet that makes Pods ready and lets Jobs succeed, where no rule says otherwise."""
    with Kubelet(control_plane) as node:
        yield node


@pytest.fixture
def processes(kubelet: Kubelet, namespace: str) -> Iterator[None]:
    """Pods of the test's namespace run as local processes."""
    kubelet.add_rule(Rule(Outcome.PROCESS, namespace=namespace))
    yield
    kubelet.drop_rules(namespace)
