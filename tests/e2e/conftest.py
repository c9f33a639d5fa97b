"""Fixtures of the end-to-end tests: one real cluster, Steward installed in it, and a client Pod.

What must be built is built after collection and before the first test, since it takes longer than
a test may. Where the machine cannot run a node, the run says which and fails; `E2E_OPTIONAL=1`
turns that into skips.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_lab.building import report_to_stderr
from steward_lab.errors import LabError
from steward_lab.toolchain import Report
from steward_node.binaries import build_node_binaries
from steward_node.cluster import Cluster, open_cluster
from steward_node.errors import PrerequisiteError
from steward_node.installing import Installation, build_images, prepare_installation
from steward_node.layout import gather_place
from steward_node.leftovers import gather_leftovers
from steward_node.prerequisites import check_prerequisites
from steward_node.showing import Example, apply_example, gather_examples, wait_example

FIRST, LAST = ("test_node",), ("test_crash",)
TEST_SECONDS = 600
LACKING = pytest.StashKey[str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the node's own tests first and those that kill it last; gives each ten minutes."""

    def rank(item: pytest.Item) -> int:
        stem = Path(item.path).stem
        return 0 if stem in FIRST else 2 if stem in LAST else 1

    items.sort(key=rank)
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Checks the machine and builds what the selected tests need."""
    config = session.config
    selected = [item for item in session.items if item.get_closest_marker("e2e")]
    if not selected or config.option.collectonly or os.environ.get("CLUSTER") == "current":
        return
    report = build_report(config)
    try:
        check_prerequisites(gather_place())
        build_node_binaries(report)
        if any("steward" in getattr(item, "fixturenames", ()) for item in selected):
            build_images(report)
    except PrerequisiteError as error:
        if os.environ.get("E2E_OPTIONAL") != "1":
            pytest.exit(f"{error}\n(E2E_OPTIONAL=1 skips these tests)", returncode=1)
        config.stash[LACKING] = str(error)
    except LabError as error:
        pytest.exit(str(error), returncode=1)


def build_report(config: pytest.Config) -> Report:
    """Answers what writes a line past pytest's capture, so that progress is seen as it happens."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled():
            report_to_stderr(line)

    return report


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Writes a line of progress."""
    return build_report(request.config)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, report: Report) -> Iterator[Cluster]:
    """The cluster of the run; its node's logs are kept when a test failed."""
    lacking = request.config.stash.get(LACKING, "")
    if lacking:
        pytest.skip(lacking)
    try:
        with open_cluster(report) as opened:
            yield opened
            if request.session.testsfailed and opened.node is not None:
                opened.node.keep_logs()
        left = gather_leftovers(gather_place())
        assert os.environ.get("CLUSTER") or not left, f"the node left behind: {left}"
    except LabError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def steward(
    cluster: Cluster, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Steward, installed by helm with images of this checkout and the demo model server."""
    installation = prepare_installation(cluster, tmp_path_factory.mktemp("helm"), report)
    report("installing the chart")
    installation.install()
    return installation


@pytest.fixture(scope="session")
def examples(cluster: Cluster, steward: Installation, report: Report) -> tuple[Example, ...]:
    """Every example that has an overlay for clusters, applied by kubectl and ready."""
    found = gather_examples(cluster)
    for example in found:
        apply_example(cluster, example)
    for example in found:
        report(f"waiting for {example.name}")
        wait_example(cluster, example)
    return found
