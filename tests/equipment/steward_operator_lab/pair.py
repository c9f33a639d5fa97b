"""Two replicas of one operator, and what an auditor reads off their changes of the guard."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable

from steward_lab.audit import AuditEntry, Mark
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_loopback.polling import wait_until
from steward_operator.names import FIELD_MANAGER
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import ASSISTANT_KIND

LEASE_KIND = "coordination.k8s.io/v1/Lease"
SYNC_SECONDS = 60.0
END_SECONDS = 30.0
CUT_CODE = 504
"""What the API server records of a request whose sender is gone before the answer."""


class Pair:
    """A leader and a standby under one ServiceAccount, with a token each."""

    def __init__(self, plane: ControlPlane, home: str, arguments: tuple[str, ...] = ()) -> None:
        """Start nothing; `home` is the namespace of both and of their Lease."""
        flags = ("--leader-elect", "--operator-namespace", home, *arguments)
        self._plane = plane
        self._home = home
        self.replicas = tuple(OperatorProcess(plane, home, arguments=flags) for _ in range(2))
        self.leader, self.standby = self.replicas

    def start(self) -> None:
        """Start both; the first one leads."""
        self.leader.start()
        wait_until(lambda: count_lines(self.leader, "synced"), "the first to lead", SYNC_SECONDS)
        self.standby.start()

    def stop(self) -> None:
        """Kill both, frozen ones too."""
        for replica in self.replicas:
            replica.kill()

    def read_holder(self) -> str:
        """Return who holds the Lease."""
        lease = self._plane.admin.get(LEASE_KIND, FIELD_MANAGER, self._home)
        return str(lease["spec"]["holderIdentity"])

    def wait_for_successor(self, seconds: float) -> float:
        """Wait until the standby holds the Lease; return the seconds that took."""
        identity, began = read_identity(self.standby), time.monotonic()
        wait_until(lambda: self.read_holder() == identity, "another to lead", seconds)
        return time.monotonic() - began

    def wait_synced(self, before: int) -> None:
        """Wait until the standby has made its first lists as leader."""
        wait_until(
            lambda: count_lines(self.standby, "synced") > before, "its first lists", SYNC_SECONDS
        )

    def wait_for_writes(self, since: Mark, number: int) -> None:
        """Wait until the leader has written so often."""
        wait_until(lambda: len(self.leader.writes_since(since)) >= number, "so many writes", 20)

    def wait_end_of_sleeper(self, before: int) -> None:
        """Wait until the former leader has ended because its Lease is gone."""
        wait_until(
            lambda: count_lines(self.leader, "stopped_by_fault") > before, "its end", END_SECONDS
        )

    def turn(self) -> None:
        """Note that leader and standby have changed places."""
        self.leader, self.standby = self.standby, self.leader

    def writes_since(self, mark: Mark) -> tuple[AuditEntry, ...]:
        """Return what both wrote, in the order of the log."""
        mine = {replica.credential for replica in self.replicas}
        found = self._plane.audit.since(mark)
        return tuple(entry for entry in found if entry.is_write and entry.credential in mine)


def read_events(replica: OperatorProcess, event: str) -> list[dict[str, object]]:
    """Return every log line of one event, over all starts of the replica."""
    lines = replica.read_log().splitlines() if replica.log_path.exists() else []
    parsed = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [line for line in parsed if line.get("event") == event]


def count_lines(replica: OperatorProcess, event: str) -> int:
    """Return how often a replica has logged an event, over all its starts."""
    return len(read_events(replica, event))


def read_identity(replica: OperatorProcess) -> str:
    """Return the name under which the newest start of a replica takes part in the election."""
    return str(read_events(replica, "waiting_for_lease")[-1]["identity"])


def find_repeated(writes: Iterable[AuditEntry]) -> list[str]:
    """Return what was written more than once, or refused: nothing, where no write is repeated.

    Of a child that nobody changes only its creation is a write. Status and Events are counted
    elsewhere, since they may well change more than once. A request that was cut by the death of
    who sent it (504) is no write; had it been carried out after all, the next one would be a 409.
    """
    counted = Counter(
        f"{w.verb} {w.resource} {w.name} -> {w.code}"
        for w in writes
        if w.resource != "events" and w.subresource != "status" and w.code != CUT_CODE
    )
    wrong = {line: n for line, n in counted.items() if n > 1 or not line.endswith(" 201")}
    return sorted(f"{line} ({n} times)" for line, n in wrong.items())


def count_void_statuses(
    admin: KubeClient, writes: Iterable[AuditEntry], namespace: str, since: str
) -> int:
    """Return how many writes of an Assistant's status changed nothing.

    Args:
        admin: Replays what became of the Assistants.
        writes: Writes of the operator.
        namespace: Where the Assistants are.
        since: A resourceVersion from before they were made.
    """
    events = admin.replay(ASSISTANT_KIND, namespace, since)
    changes = sum(1 for event in events if event["type"] == "MODIFIED")
    statuses = [w for w in writes if (w.resource, w.subresource) == ("assistants", "status")]
    return len([w for w in statuses if w.code < 400]) - changes


def find_repeated_events(admin: KubeClient, namespace: str) -> list[str]:
    """Return what was told twice about one object."""
    told = Counter(
        (e["involvedObject"]["uid"], e["reason"], e["message"])
        for e in admin.list("v1/Event", namespace)
        if e["involvedObject"]["kind"] == "Assistant"
    )
    return sorted(f"{reason}: {message}" for (_, reason, message), n in told.items() if n > 1)
