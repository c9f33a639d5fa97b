"""What fields do that only a cluster shows: admission and controllers decide by them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from steward_lab.errors import ApiError
from steward_lab.kube_client import Manifest
from steward_loopback.polling import wait_until
from steward_operator.labels import COMPONENT
from steward_operator.names import Component
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import ASSISTANT_KIND, find_condition
from steward_operator_lab.samples import build_assistant, build_needs, build_retention_policy
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

SECONDS = 30.0


@pytest.fixture(autouse=True)
def _operator(operator: OperatorProcess) -> None:
    """The operator serves while these tests run."""
    assert operator.process is not None


def limit_namespace(bench: Workbench, **hard: str) -> None:
    """Bound what the namespace may ask for; `_` in a name stands for `.`."""
    bounds = {name.replace("_", "."): amount for name, amount in hard.items()}
    spec = {"hard": bounds}
    bench.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec}
    )
    wait_until(lambda: bench.get("v1/ResourceQuota", "q").get("status", {}).get("hard"), "a quota")


def runtime_pods(bench: Workbench) -> list[Manifest]:
    """Return the Pods that serve the assistant."""
    selector = f"{COMPONENT}={Component.RUNTIME.value}"
    return list(bench.admin.list("v1/Pod", bench.namespace, labels=selector))


def reason_of_ready(bench: Workbench) -> str:
    """Return why the Assistant is Ready or not."""
    found = find_condition(bench.get(ASSISTANT_KIND, "helper"), "Ready")
    return str(found.get("reason", ""))


def pods_are_refused(bench: Workbench) -> bool:
    """Tell whether the controller says that admission refused the Pods of the Deployment."""
    deployment = bench.find("apps/v1/Deployment", "helper") or {}
    conditions = deployment.get("status", {}).get("conditions", ())
    return any(c["type"] == "ReplicaFailure" and c["status"] == "True" for c in conditions)


def start(bench: Workbench, **spec: Any) -> None:
    """Create an Assistant and what it needs."""
    bench.create(*build_needs(), build_assistant(**spec))


def test_storage_size_is_what_the_volume_claims(bench: Workbench) -> None:
    """A volume beyond the namespace's quota is refused, and the Assistant says so."""
    limit_namespace(bench, requests_storage="2Gi")
    start(bench, storage={"size": "5Gi"})
    wait_until(lambda: reason_of_ready(bench) == "WriteRefused", "the refusal", SECONDS)
    assert bench.find("v1/PersistentVolumeClaim", "helper-data") is None


@pytest.mark.parametrize(
    ("quota", "resources"),
    [
        ({"requests_cpu": "1"}, {"requests": {"cpu": "1500m"}}),
        ({"requests_memory": "256Mi"}, {"requests": {"memory": "300Mi"}}),
        ({"limits_memory": "1Gi"}, {"limits": {"memory": "2Gi"}}),
    ],
    ids=["requests-cpu", "requests-memory", "limits-memory"],
)
def test_amounts_beyond_the_quota_are_refused(
    bench: Workbench, quota: dict[str, str], resources: Manifest
) -> None:
    """The Pod asks for what the spec says, so admission refuses it."""
    limit_namespace(bench, **quota)
    start(bench, pod={"resources": resources})
    wait_until(lambda: pods_are_refused(bench), "the refusal of the Pod", SECONDS)
    assert runtime_pods(bench) == []


def test_a_limit_of_cpu_is_there_where_a_quota_asks_for_one(bench: Workbench) -> None:
    """Where a quota bounds CPU limits, a Pod without one is refused; this one is admitted."""
    limit_namespace(bench, limits_cpu="2")
    start(bench, pod={"resources": {"limits": {"cpu": "1"}}})
    wait_until(lambda: runtime_pods(bench), "a Pod", SECONDS)


def test_suspend_stops_serving(bench: Workbench) -> None:
    """A suspended Assistant has no Pod, and purging goes on."""
    start(bench, suspend=True)
    wait_until(lambda: reason_of_ready(bench) in {"Suspended", "Available"}, "a verdict", SECONDS)
    assert runtime_pods(bench) == []
    assert bench.find("batch/v1/CronJob", "helper-purge") is not None


def test_interval_minutes_is_how_often_a_purge_runs(bench: Workbench) -> None:
    """With an interval of a minute, a run is due two minutes after the last one."""
    policy = build_retention_policy()
    policy["spec"]["purge"] = {"intervalMinutes": 1}
    model, prompt, _ = build_needs()
    bench.create(model, prompt, policy, build_assistant())
    wait_until(lambda: bench.find("batch/v1/CronJob", "helper-purge"), "the CronJob", SECONDS)
    created = bench.get("batch/v1/CronJob", "helper-purge")["metadata"]["creationTimestamp"]
    last = datetime.datetime.fromisoformat(created) - datetime.timedelta(minutes=2)
    bench.admin.patch(
        "batch/v1/CronJob",
        "helper-purge",
        bench.namespace,
        body={"status": {"lastScheduleTime": last.isoformat()}},
        subresource="status",
    )
    wait_until(lambda: bench.admin.list("batch/v1/Job", bench.namespace), "a purge", SECONDS)


def test_type_of_a_tool_is_http_or_refused(bench: Workbench) -> None:
    """There is one adapter, and the API server takes no other word for it."""
    spec = {"description": "d", "type": "SQL", "inputSchema": {"type": "object"}}
    with pytest.raises(ApiError, match="SQL") as refused:
        bench.create({**build_assistant(), "kind": "Tool", "spec": spec})
    assert refused.value.status == 422
