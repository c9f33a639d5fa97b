"""Fixtures of Argo CD's scenarios; a test module names this one in `pytest_plugins`.

What must be built is built after collection and before the first test, since it takes longer than
a test may. Where it cannot, the run says why and fails; `E2E_OPTIONAL=1` turns that into skips.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from steward_argo.applications import Deliver, Delivery
from steward_argo.installing import build_argo_cd
from steward_argo.running import ArgoCD
from steward_argo.stage import Stage, run_cluster_stage, run_lab_stage
from steward_lab.building import build_binaries, report_to_stderr
from steward_lab.errors import BuildError

LAB = "lab"
LACKING = pytest.StashKey[str]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build Argo CD, and the control plane where it is needed, for the selected tests."""
    config = session.config
    needed = any("argo" in getattr(item, "fixturenames", ()) for item in session.items)
    if not needed or config.option.collectonly:
        return
    capture = config.pluginmanager.getplugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled():
            report_to_stderr(line)

    try:
        build_argo_cd(report)
        if os.environ.get("CLUSTER", LAB) == LAB:
            build_binaries(report)
    except BuildError as error:
        if os.environ.get("E2E_OPTIONAL") != "1":
            pytest.exit(f"{error}\n(E2E_OPTIONAL=1 skips these tests)", returncode=1)
        config.stash[LACKING] = str(error)


@pytest.fixture(scope="session")
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A cluster in which the operator runs: the control-plane lab, or what `CLUSTER` names."""
    lacking = request.config.stash.get(LACKING, "")
    if lacking:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("stage")
    if os.environ.get("CLUSTER", LAB) == LAB:
        with run_lab_stage(folder) as running:
            yield running
        return
    cluster = request.getfixturevalue("steward").cluster
    with run_cluster_stage(cluster.kubeconfig, cluster.kubectl_path, folder) as running:
        yield running


@pytest.fixture(scope="session")
def argo(request: pytest.FixtureRequest, stage: Stage) -> Iterator[ArgoCD]:
    """A running Argo CD that delivers into the stage's cluster; its logs stay for failed tests."""
    running = ArgoCD(stage.kubeconfig, stage.admin, stage.kubectl)
    try:
        running.start()
        yield running
    finally:
        is_failed = request.session.testsfailed > 0
        running.stop(keep_logs=is_failed)
        if is_failed:
            report_to_stderr(f"Argo CD's logs are kept in {running.directory}")


@pytest.fixture
def deliver(stage: Stage, argo: ArgoCD) -> Iterator[Deliver]:
    """Makes Applications, each with a folder and a namespace of its own; they go after the test."""
    made: list[Delivery] = []

    def build(name: str = "") -> Delivery:
        delivery = Delivery(stage.admin, argo.repository, name)
        made.append(delivery)
        return delivery

    yield build
    for delivery in made:
        delivery.abandon()
