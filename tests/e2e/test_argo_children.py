"""Argo CD and what the operator makes: children are the operator's, and nothing ever flaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from steward_argo.applications import Deliver, Delivery, Look, list_claimed
from steward_argo.installing import NAMESPACE
from steward_argo.running import ArgoCD
from steward_argo.stage import Stage
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.waiting import wait_until
from steward_operator.names import purge_cron_job_name, runtime_policy_name
from steward_operator_lab.reading import CHILD_KINDS, list_children
from steward_operator_lab.samples import build_whole_set

pytest_plugins = ("steward_argo.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STEADY = (
    pytest.param(60.0, id="one-minute"),
    pytest.param(180.0, id="three-minutes", marks=pytest.mark.full),
    pytest.param(600.0, id="ten-minutes", marks=pytest.mark.soak),
)
WATCHED_SECONDS = 15.0
REFRESH_SECONDS = 10.0
AT_REST = Look("Synced", "Healthy", "Succeeded")
NAME = "desk"
POLICY_KIND = "networking.k8s.io/v1/NetworkPolicy"


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of a child by hand, and how to see that it was undone."""

    kind: str
    name: str
    body: Manifest
    is_healed: Callable[[Manifest], bool]


DRIFTS = (
    Drift(
        "apps/v1/Deployment",
        NAME,
        {"spec": {"template": {"spec": {"serviceAccountName": "default"}}}},
        lambda found: found["spec"]["template"]["spec"]["serviceAccountName"] == NAME,
    ),
    Drift(
        "v1/Service",
        NAME,
        {"spec": {"selector": {"app": "somebody-else"}}},
        lambda found: "app" not in found["spec"]["selector"],
    ),
    Drift(
        "batch/v1/CronJob",
        purge_cron_job_name(NAME),
        {"spec": {"suspend": True}},
        lambda found: not found["spec"].get("suspend"),
    ),
)


@pytest.fixture
def desk(deliver: Deliver) -> Delivery:
    """An Application at rest that has the name of its Assistant."""
    delivery = deliver(NAME)
    delivery.push(*build_whole_set(NAME))
    delivery.start()
    delivery.wait_delivered("Healthy")
    return delivery


@pytest.fixture
def tracking_by_label(stage: Stage, argo: ArgoCD) -> Iterator[None]:
    """Argo CD marks what it applied by a label alone, as it did before version 3."""
    set_tracking(stage.admin, "label")
    yield
    set_tracking(stage.admin, "annotation")


def set_tracking(admin: KubeClient, method: str) -> None:
    """Change how Argo CD marks what it applied."""
    body = {"data": {"application.resourceTrackingMethod": method}}
    admin.patch("v1/ConfigMap", "argocd-cm", NAMESPACE, body=body)


def name_children(delivery: Delivery) -> dict[tuple[str, str], str]:
    """Return the uid of each child by kind and name."""
    children = list_children(delivery.admin, delivery.namespace, NAME)
    return {(c["kind"], c["metadata"]["name"]): c["metadata"]["uid"] for c in children}


def list_versions(delivery: Delivery) -> dict[tuple[str, str], str]:
    """Return what changes with each write to one of our objects or to the spec of a child."""
    own = ("Assistant", "MemoryPolicy", "Model", "Prompt", "RetentionPolicy", "Tool")
    api = build_whole_set()[0]["apiVersion"]
    found = {}
    for kind in (*(f"{api}/{kind}" for kind in own), *CHILD_KINDS):
        for item in delivery.admin.list(kind, delivery.namespace):
            metadata = item["metadata"]
            key = "resourceVersion" if kind.startswith(api) else "generation"
            found[item["kind"], metadata["name"]] = str(metadata.get(key, metadata["uid"]))
    return found


def check_claims(delivery: Delivery) -> None:
    """Check that Argo CD takes exactly what was committed for its own."""
    committed = {(m["kind"], m["metadata"]["name"]) for m in build_whole_set(NAME)}
    assert list_claimed(delivery.read()) == committed


def test_drifted_children_are_healed_and_argo_cd_stays_synced(desk: Delivery) -> None:
    """The operator undoes it; Argo CD is not asked to, and sees nothing to do."""
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(desk.record, WATCHED_SECONDS)
        for drift in DRIFTS:
            desk.admin.patch(drift.kind, drift.name, desk.namespace, body=drift.body)
            desk.admin.wait(drift.kind, drift.name, desk.namespace, drift.is_healed)
            desk.refresh()
        policy = runtime_policy_name(NAME)
        desk.admin.delete(POLICY_KIND, policy, desk.namespace)
        wait_until(
            lambda: desk.admin.find(POLICY_KIND, policy, desk.namespace),
            "the NetworkPolicy's return",
        )
        desk.refresh("hard")
        seen = watched.result()
    assert {look.sync for look in seen} == {"Synced"}
    assert {look.phase for look in seen} == {"Succeeded"}
    desk.wait_delivered("Healthy")


def test_children_are_not_claimed(desk: Delivery) -> None:
    """Argo CD shows them below the Assistant, and prunes none."""
    before = name_children(desk)
    desk.refresh("hard")
    desk.wait_delivered("Healthy")
    check_claims(desk)
    assert name_children(desk) == before


@pytest.mark.usefixtures("tracking_by_label")
def test_children_are_not_claimed_by_label_either(deliver: Deliver) -> None:
    """Children carry the Assistant's name in the label by which Argo CD of old tracks."""
    delivery = deliver(NAME)
    delivery.push(*build_whole_set(NAME))
    delivery.start()
    delivery.wait_delivered("Healthy")
    children = list_children(delivery.admin, delivery.namespace, NAME)
    assert any("app.kubernetes.io/instance" in c["metadata"]["labels"] for c in children)
    before = name_children(delivery)
    delivery.refresh("hard")
    delivery.wait_delivered("Healthy")
    check_claims(delivery)
    assert name_children(delivery) == before


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", STEADY)
def test_nothing_flaps_while_nothing_changes(desk: Delivery, seconds: float) -> None:
    """Argo CD compares every ten seconds, says the same each time, and nobody writes."""
    before = list_versions(desk)
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(desk.record, seconds)
        while not watched.done():
            desk.refresh()
            try:
                watched.result(REFRESH_SECONDS)
            except TimeoutError:
                continue
        assert watched.result() == (AT_REST,)
    assert list_versions(desk) == before
