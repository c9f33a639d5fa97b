"""Zero writes while nothing has changed, and few when something is broken for good."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from steward_api.meta import API_VERSION
from steward_lab.audit import AuditEntry, Mark
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    describe,
    has_condition,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import (
    Manifest,
    build_assistant,
    build_needs,
    build_object,
    build_prompt,
    build_tool,
    build_whole_set,
)
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

RESYNC_SECONDS = 3
MINUTE_SECONDS = 60.0


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...]
) -> Iterator[OperatorProcess]:
    """An operator that looks at everything again every three seconds."""
    assert kinds
    del kubelet
    home = control_plane.create_namespace("operator")
    arguments = ("--resync-seconds", str(RESYNC_SECONDS))
    process = OperatorProcess(control_plane, home, arguments=arguments)
    process.start()
    yield process
    process.stop()


def wait_looks(operator: OperatorProcess, looks: int) -> None:
    """Wait until the operator has looked at Assistants that many more times."""
    wanted = count_looks(operator) + looks
    deadline = time.monotonic() + 60
    while count_looks(operator) < wanted:
        assert time.monotonic() < deadline, "the operator does not look any more"
        time.sleep(0.1)


def count_looks(operator: OperatorProcess) -> float:
    """Return how many passes over Assistants have ended well."""
    name = 'steward_operator_passes_total{kind="Assistant",result="Done"}'
    lines = [line for line in operator.metrics().splitlines() if line.startswith(name)]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def find_probes(operator: OperatorProcess, mark: Mark, bench: Workbench) -> list[AuditEntry]:
    """Return the dry runs in the bench's namespace; others' objects are looked at as well."""
    found = operator.requests_since(mark)
    return [e for e in found if e.namespace == bench.namespace and e.is_dry_run]


def test_looking_again_writes_nothing(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """Resync probes Secrets and writes nothing."""
    bench.create(*build_whole_set())
    wait_ready(bench.admin, bench.namespace)
    wait_looks(operator, 1)
    mark = control_plane.audit.mark()
    wait_until(lambda: find_probes(operator, mark, bench), "a probe of the Secrets", 60)
    wait_looks(operator, 3)
    found = [e for e in operator.requests_since(mark) if e.namespace == bench.namespace]
    assert not [e for e in found if e.is_write], describe(e for e in found if e.is_write)


def test_a_restart_writes_nothing(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """A new process compares every child field by field and finds nothing to do."""
    bench.create(*build_whole_set(), build_assistant("broken", promptRef={"name": "absent"}))
    wait_ready(bench.admin, bench.namespace)
    wait_condition(bench.admin, bench.namespace, "broken", "Stalled", "True")
    wait_quiet(operator, control_plane.audit.mark(), bench.namespace)
    for end in (operator.stop, operator.kill):
        end()
        mark = control_plane.audit.mark()
        operator.start()
        wait_looks(operator, 4)
        writes = [w for w in operator.writes_since(mark) if w.namespace == bench.namespace]
        assert not writes, describe(writes)


def test_a_touch_writes_nothing(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """An annotation or label on any of the user's objects is none of our business."""
    manifests = build_whole_set()
    bench.create(*manifests)
    wait_ready(bench.admin, bench.namespace)
    mark = control_plane.audit.mark()
    wait_quiet(operator, mark, bench.namespace)
    mark = control_plane.audit.mark()
    touch = {"metadata": {"annotations": {"example.com/touched": "yes"}, "labels": {"a": "b"}}}
    for manifest in manifests:
        kind = f"{API_VERSION}/{manifest['kind']}"
        bench.edit(kind, manifest["metadata"]["name"], touch)
    wait_looks(operator, 2)
    writes = wait_quiet(operator, mark, bench.namespace)
    assert not writes, describe(writes)


def build_broken_objects() -> tuple[Manifest, ...]:
    """Objects that the API server takes and that cannot be served."""
    bad_schema = build_tool("bad-schema")
    bad_schema["spec"]["inputSchema"] = {"type": "no such type"}
    return (
        build_prompt("undeclared", "Help {{nobody}}."),
        bad_schema,
        build_object("Model", "local", {"type": "Local", "modelName": "smollm2-135m-instruct"}),
        build_assistant("no-prompt", promptRef={"name": "absent"}),
        build_assistant("no-model", modelRefs=[{"name": "absent"}]),
        build_assistant("bad-prompt", promptRef={"name": "undeclared"}),
        build_assistant("no-policy", retentionPolicyRef={"name": "absent"}),
        build_assistant("no-memory", memoryPolicyRef={"name": "absent"}),
    )


@pytest.mark.timeout(180)
def test_a_broken_object_costs_three_writes_in_its_first_minute_and_says_why(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """One status write and its Event, then silence; the status names field and reason."""
    bench.create(*build_needs())
    wait_quiet(operator, control_plane.audit.mark(), bench.namespace)
    mark = control_plane.audit.mark()
    began = time.monotonic()
    broken = build_broken_objects()
    bench.create(*broken)
    for manifest in broken:
        said = bench.admin.wait(
            f"{API_VERSION}/{manifest['kind']}",
            manifest["metadata"]["name"],
            bench.namespace,
            lambda m: has_condition(m, "Accepted", "False", mention="spec."),
        )
        assert said["status"]["observedGeneration"] == 1
    remaining = MINUTE_SECONDS - (time.monotonic() - began)
    time.sleep(max(0.0, remaining))  # the promise is about a minute, so a minute it is
    writes = [w for w in operator.writes_since(mark) if w.namespace == bench.namespace]
    for manifest in broken:
        name = manifest["metadata"]["name"]
        own = [w for w in writes if w.name in {name, ""} or w.name.startswith(f"{name}.")]
        assert 1 <= len(own) <= 3, describe(own)
    assert {w.resource for w in writes} <= {"assistants", "models", "tools", "prompts", "events"}


def test_a_refused_child_is_not_tried_again_and_shows_in_the_status(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """A quota that admits no Service costs one attempt per Service, and the status says so."""
    quota: Manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"services": "0"}},
    }
    bench.create(quota)
    bench.admin.wait("v1/ResourceQuota", "none", bench.namespace, lambda m: "status" in m)
    bench.create(*build_needs(), build_assistant())
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "WriteRefused")
    mark = control_plane.audit.mark()
    wait_looks(operator, 4)
    writes = [w for w in operator.writes_since(mark) if w.namespace == bench.namespace]
    assert {w.resource for w in writes} <= {"events"}, describe(writes)
    assert bench.find("apps/v1/Deployment", "helper"), "one refused child stopped the others"


def test_a_name_that_belongs_to_somebody_else_is_never_taken(
    operator: OperatorProcess, bench: Workbench
) -> None:
    """A Service of that name stays as it was and is named; when it is gone, ours is made."""
    del operator
    port: Manifest = {"name": "theirs", "port": 1}
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "helper"},
        "spec": {"ports": [port]},
    }
    bench.create(service, *build_needs(), build_assistant())
    wait_condition(
        bench.admin, bench.namespace, "helper", "Ready", "False", "NameConflict", "Service helper"
    )
    assert bench.get("v1/Service", "helper")["spec"]["ports"][0]["name"] == "theirs"
    bench.admin.delete("v1/Service", "helper", bench.namespace)
    wait_ready(bench.admin, bench.namespace)


def test_one_broken_object_leaves_fifty_others_moving(
    admin: KubeClient, operator: OperatorProcess, bench: Workbench
) -> None:
    """Fifty good Assistants become Ready beside one that never will."""
    del operator
    good = [build_assistant(f"good-{number}") for number in range(50)]
    bad = build_assistant("bad", promptRef={"name": "absent"})
    bench.create(*build_needs(), bad, *good)
    for assistant in good:
        admin.wait(
            ASSISTANT_KIND,
            assistant["metadata"]["name"],
            bench.namespace,
            lambda m: has_condition(m, "Ready", "True"),
            deadline_seconds=90,
        )
    wait_condition(admin, bench.namespace, "bad", "Ready", "False")
