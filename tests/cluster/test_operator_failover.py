"""Fail-over on the real API server: who writes, how soon, and never the same thing twice.

`STEWARD_SWITCHES` says how many changes of the leader each test makes: 3, or 20 in full.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from steward_lab.audit import AuditEntry
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_operator_lab.pair import (
    Pair,
    count_lines,
    count_void_statuses,
    find_repeated,
    find_repeated_events,
)
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    describe,
    list_children,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

SWITCHES = int(os.environ.get("STEWARD_SWITCHES", "3"))
TAKEOVER_SECONDS = 20.0
"""What is promised: kill -9 of the leading replica, and the other leads."""
WRITES_BEFORE = (1, 3, 5, 8, 11, 14, 16)
"""After how many writes for a new Assistant its operator dies; it takes some 17."""

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(90 + 60 * SWITCHES)]


def list_version(admin: KubeClient, namespace: str) -> str:
    """The resourceVersion of the present moment."""
    answer = admin.request("GET", admin.resolve_path(ASSISTANT_KIND, namespace))
    return str(answer["metadata"]["resourceVersion"])


def replace_dead_leader(pair: Pair, record: list[float]) -> None:
    """Kill the leader, see the other lead in time, and bring the dead one back as standby."""
    synced = count_lines(pair.standby, "synced")
    pair.leader.kill()
    record.append(pair.wait_for_successor(TAKEOVER_SECONDS))
    pair.wait_synced(synced)
    pair.leader.start()
    pair.turn()


def test_switches_at_rest_write_nothing(
    control_plane: ControlPlane,
    pair: Pair,
    bench: Workbench,
    record_property: Callable[[str, object], None],
) -> None:
    """Each new leader compares the world with its plan and finds nothing to do."""
    bench.create(*build_needs(), build_assistant())
    wait_ready(bench.admin, bench.namespace)
    wait_quiet(pair.leader, control_plane.audit.mark(), bench.namespace)
    mark = control_plane.audit.mark()
    seconds: list[float] = []
    for _ in range(SWITCHES):
        replace_dead_leader(pair, seconds)
        wait_quiet(pair.leader, control_plane.audit.mark(), bench.namespace)
    writes = [w for w in pair.writes_since(mark) if w.namespace == bench.namespace]
    assert not writes, describe(writes)
    record_property("takeover_seconds", " ".join(f"{each:.1f}" for each in seconds))


def test_no_write_is_made_twice_over_switches_at_work(
    control_plane: ControlPlane, pair: Pair, bench: Workbench
) -> None:
    """The leader dies between two writes for a new Assistant; the next one goes on from there."""
    bench.create(*build_needs())
    wait_quiet(pair.leader, control_plane.audit.mark(), bench.namespace)
    mark, since = control_plane.audit.mark(), list_version(bench.admin, bench.namespace)
    for number in range(SWITCHES):
        name, begun = f"helper-{number}", control_plane.audit.mark()
        bench.create(build_assistant(name))
        pair.wait_for_writes(begun, WRITES_BEFORE[number % len(WRITES_BEFORE)])
        replace_dead_leader(pair, [])
        wait_ready(bench.admin, bench.namespace, name)
    wait_quiet(pair.leader, control_plane.audit.mark(), bench.namespace)
    writes = [w for w in pair.writes_since(mark) if w.namespace == bench.namespace]
    assert not find_repeated(writes)
    assert count_void_statuses(bench.admin, writes, bench.namespace, since) == 0
    assert not find_repeated_events(bench.admin, bench.namespace)


def test_a_leader_that_sleeps_past_its_lease_can_at_most_create_one_object(
    control_plane: ControlPlane, pair: Pair, bench: Workbench
) -> None:
    """Stopped at work and continued when another leads: one request in all, and only a POST.

    What it may have made is planned too, or pruned: in the end each Assistant has the same.
    """
    bench.create(*build_needs())
    late: list[AuditEntry] = []
    for number in range(SWITCHES):
        name, begun = f"sleeper-{number}", control_plane.audit.mark()
        synced, ended = (
            count_lines(pair.standby, "synced"),
            count_lines(pair.leader, "stopped_by_fault"),
        )
        bench.create(build_assistant(name))
        pair.wait_for_writes(begun, WRITES_BEFORE[number % len(WRITES_BEFORE)])
        pair.leader.pause()
        try:
            pair.wait_for_successor(TAKEOVER_SECONDS)
            pair.wait_synced(synced)
            wait_ready(bench.admin, bench.namespace, name)
            mark = control_plane.audit.mark()
        finally:
            pair.leader.resume()
        pair.wait_end_of_sleeper(ended)
        found = [w for w in pair.leader.writes_since(mark) if w.code < 400]
        assert len(found) <= 1, describe(found)
        assert all(w.verb == "create" for w in found), describe(found)
        late += found
        pair.leader.restart()
        pair.turn()
    wait_quiet(pair.leader, control_plane.audit.mark(), bench.namespace)
    shapes = {
        tuple(sorted(c["kind"] for c in list_children(bench.admin, bench.namespace, name)))
        for name in (f"sleeper-{number}" for number in range(SWITCHES))
    }
    assert len(shapes) == 1, (shapes, describe(late))
