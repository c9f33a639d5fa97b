"""The enforcer means by a NetworkPolicy what Kubernetes means by it: cyclonus says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.toolchain import Report
from steward_netpol.binaries import ConformanceBinaries, build_conformance_binaries
from steward_netpol.conformance import (
    FULL,
    NAMESPACES,
    SAMPLE,
    SYSCTLS,
    WORKER_IMAGE,
    Selection,
    run_selection,
)
from steward_node.archives import write_image_archive
from steward_node.cluster import Cluster, Enforcement
from steward_node.node import run_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def binaries(
    cluster: Cluster, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> ConformanceBinaries:
    """The suite, with its worker's image on the node."""
    if cluster.node is None:
        pytest.skip("the enforcer is the node's own; a cluster of the user's has another")
    built = build_conformance_binaries(report)
    archive = tmp_path_factory.mktemp("conformance") / "worker.tar"
    files = {"/worker": built.worker, "/agnhost": built.agnhost}
    write_image_archive(archive, WORKER_IMAGE, files, ("/worker",))
    cluster.load_images(archive)
    return built


@pytest.fixture
def enforced(cluster: Cluster, binaries: ConformanceBinaries) -> Iterator[None]:
    """Policies are enforced, and what is refused is answered at once."""
    assert cluster.node is not None
    for key, value in SYSCTLS.items():
        # In the node's own network: nothing to restore.
        path = f"/proc/sys/{key}"
        run_command(*cluster.node.enter(), "sh", "-c", f"[ ! -e {path} ] || echo {value} >{path}")
    enforcement = Enforcement(cluster.node, is_rejecting=True)
    enforcement.start()
    yield
    enforcement.stop()
    cluster.kubectl("delete", "namespace", "--ignore-not-found", "--wait=true", *NAMESPACES)


def check(
    cluster: Cluster,
    binaries: ConformanceBinaries,
    selections: tuple[Selection, ...],
    report: Report,
) -> int:
    """Runs selections; answers how many cases passed."""
    ran = 0
    for selection in selections:
        outcome = run_selection(binaries, cluster.kubeconfig, selection, report)
        assert not outcome.failed, outcome.output[-8000:]
        ran += outcome.ran
    return ran


def test_twenty_cases_pass(
    cluster: Cluster, binaries: ConformanceBinaries, enforced: None, report: Report
) -> None:
    """A sample of every group."""
    assert check(cluster, binaries, SAMPLE, report) == 20


@pytest.mark.full
def test_all_cases_of_the_subset_pass(
    cluster: Cluster, binaries: ConformanceBinaries, enforced: None, report: Report
) -> None:
    """Selectors, blocks, ports, defaults; changes under way; Kubernetes' own cases."""
    assert check(cluster, binaries, FULL, report) >= 73
