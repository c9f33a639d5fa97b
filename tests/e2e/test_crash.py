"""A node that was killed in the middle leaves nothing that the next one does not remove."""

from __future__ import annotations

import os
import signal

import pytest

from steward_lab.errors import LabError
from steward_lab.waiting import wait_until
from steward_node.cluster import Cluster
from steward_node.layout import NODE_NAME
from steward_node.leftovers import gather_leftovers, gather_mounts, gather_processes
from steward_node.supervising import read_supervisor

pytestmark = pytest.mark.e2e


def test_a_killed_node_comes_up_again_and_goes_without_a_trace(cluster: Cluster) -> None:
    """SIGKILL of its holder, up again, down; then no process, mount, interface or cgroup."""
    node = cluster.node
    if node is None:
        pytest.skip("a cluster of the user's is not ours to kill")
    supervisor = read_supervisor(node.place)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)

    def is_dead() -> bool:
        return not gather_processes(node.place) and not gather_mounts(node.place)

    wait_until(is_dead, "the end of every process of the node")
    node.up()
    assert f"node/{NODE_NAME}" in node.kubectl("get", "nodes", "--output=name")
    node.down()
    assert gather_leftovers(node.place) == ()
    with pytest.raises(LabError):
        node.kubectl("get", "nodes")
