"""Two replicas that change places in good order: the Lease is handed over, and work goes on.

What happens when a leader dies or sleeps is in `test_operator_failover`.
"""

from __future__ import annotations

import pytest

from steward_lab.control_plane import ControlPlane
from steward_operator_lab.pair import Pair, count_lines
from steward_operator_lab.reading import describe, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

HANDOVER_SECONDS = 10.0
"""Less than the duration of a Lease: it is given back, and nobody waits for its end."""


def test_a_clean_stop_hands_over_at_once_and_the_standby_wrote_nothing_before(
    control_plane: ControlPlane, pair: Pair, bench: Workbench
) -> None:
    """While one leads the other writes nothing; the new leader goes on with new work."""
    mark = control_plane.audit.mark()
    bench.create(*build_needs(), build_assistant("before"))
    wait_ready(bench.admin, bench.namespace, "before")
    writes = pair.standby.writes_since(mark)
    assert not writes, describe(writes)
    synced = count_lines(pair.standby, "synced")
    assert synced == 0
    pair.leader.stop()
    pair.wait_for_successor(HANDOVER_SECONDS)
    pair.wait_synced(synced)
    bench.create(build_assistant("after"))
    wait_ready(bench.admin, bench.namespace, "after")
