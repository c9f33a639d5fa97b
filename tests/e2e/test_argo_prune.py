"""Argo CD takes an Assistant away: what stays and what goes is the Assistant's own to say."""

from __future__ import annotations

import pytest

from steward_argo.applications import KIND, Deliver, Delivery, read_resource
from steward_argo.installing import NAMESPACE
from steward_argo.stage import Stage
from steward_lab.kube_client import Manifest
from steward_lab.waiting import wait_until
from steward_operator.labels import ANCHOR_ROLE, ASSISTANT
from steward_operator.names import ERASURE_FINALIZER
from steward_operator_lab.reading import ASSISTANT_KIND, has_condition, list_children
from steward_operator_lab.samples import build_assistant, build_needs

pytest_plugins = ("steward_argo.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FILE = "assistant-desk.yaml"
KEPT = {"PersistentVolumeClaim", "ConfigMap", "Secret"}
GONE_SECONDS = 150.0


def deliver_desk(delivery: Delivery, policy: str) -> Manifest:
    """Deliver an Assistant with this deletion policy, and return it when it is Healthy."""
    delivery.push(*build_needs(), build_assistant("desk", deletionPolicy=policy))
    delivery.start()
    delivery.wait_delivered("Healthy")
    return delivery.admin.get(ASSISTANT_KIND, "desk", delivery.namespace)


def deliver_erasable(delivery: Delivery, stage: Stage) -> Manifest:
    """Deliver an Assistant under Erase whose runtime answers, and return it."""
    stage.run_pods_of(delivery.namespace)
    stage.wait_garbage_collector(delivery.namespace)
    deliver_desk(delivery, "Erase")
    return delivery.admin.wait(
        ASSISTANT_KIND,
        "desk",
        delivery.namespace,
        lambda found: has_condition(found, "RuntimeVerified", "True"),
    )


def list_left(delivery: Delivery) -> set[tuple[str, str]]:
    """Return kind and uid of what is left of the Assistant's children."""
    children = list_children(delivery.admin, delivery.namespace, "desk")
    return {(child["kind"], child["metadata"]["uid"]) for child in children}


def list_keys_anchors(delivery: Delivery) -> list[str]:
    """Return the uids of the anchors of keys that encrypt and sign."""
    selector = f"{ASSISTANT}=desk,{ANCHOR_ROLE}=keys"
    found = delivery.admin.list("v1/ConfigMap", delivery.namespace, labels=selector)
    return [item["metadata"]["uid"] for item in found]


def wait_gone(delivery: Delivery) -> None:
    """Wait until the Assistant is gone and Argo CD is at rest."""
    delivery.admin.wait_gone(
        ASSISTANT_KIND, "desk", delivery.namespace, deadline_seconds=GONE_SECONDS
    )
    delivery.refresh()
    delivery.wait_delivered("Healthy")


def test_retain_keeps_volume_and_keys_and_takes_them_up_again(deliver: Deliver) -> None:
    """A commit too many costs no data: the next one finds it."""
    team = deliver()
    deliver_desk(team, "Retain")
    (volume,) = team.admin.list("v1/PersistentVolumeClaim", team.namespace)
    anchors = list_keys_anchors(team)

    team.push(removed=(FILE,))
    wait_gone(team)
    wait_until(
        lambda: {kind for kind, _ in list_left(team)} == KEPT,
        "the end of all other children",
        deadline_seconds=GONE_SECONDS,
    )
    (kept,) = team.admin.list("v1/PersistentVolumeClaim", team.namespace)
    assert kept["metadata"]["uid"] == volume["metadata"]["uid"]
    assert list_keys_anchors(team) == anchors

    team.push(build_assistant("desk"))
    team.wait_delivered("Healthy")
    (again,) = team.admin.list("v1/PersistentVolumeClaim", team.namespace)
    assert again["metadata"]["uid"] == volume["metadata"]["uid"]
    assert list_keys_anchors(team) == anchors


def test_erase_waits_for_the_proof(deliver: Deliver, stage: Stage) -> None:
    """Argo CD deletes in the foreground, which would take the runtime away before it has erased."""
    team = deliver()
    desk = deliver_erasable(team, stage)
    with stage.without_operator():
        team.push(removed=(FILE,))
        if stage.keeper is not None:
            check_waiting(team)
    wait_gone(team)
    wait_until(
        lambda: not list_left(team), "the end of all children", deadline_seconds=GONE_SECONDS
    )
    check_proof(stage, desk)


def test_an_application_that_is_deleted_erases_too(deliver: Deliver, stage: Stage) -> None:
    """Whoever deletes the Application with its objects gets the same proof."""
    team = deliver()
    desk = deliver_erasable(team, stage)
    team.admin.delete(KIND, team.name, NAMESPACE)
    team.admin.wait_gone(ASSISTANT_KIND, "desk", team.namespace, deadline_seconds=GONE_SECONDS)
    team.admin.wait_gone(KIND, team.name, NAMESPACE, deadline_seconds=GONE_SECONDS)
    check_proof(stage, desk)


def check_waiting(delivery: Delivery) -> None:
    """Check that the Assistant stays, and that Argo CD shows it on its way out."""

    def is_waiting(application: Manifest) -> bool:
        health, message = read_resource(application, "Assistant", "desk")
        return (health, message) == ("Progressing", "Pending deletion")

    delivery.wait(is_waiting)
    found = delivery.admin.get(ASSISTANT_KIND, "desk", delivery.namespace)
    assert ERASURE_FINALIZER in found["metadata"]["finalizers"]
    runtime = delivery.admin.get("apps/v1/Deployment", "desk", delivery.namespace)
    assert runtime["status"]["availableReplicas"] == 1


def check_proof(stage: Stage, desk: Manifest) -> None:
    """Check the archived receipt, and that nothing is recorded as unproven."""
    uid = desk["metadata"]["uid"]
    if stage.keeper is not None and stage.plane is not None:
        assert stage.keeper.find_record(stage.plane, uid) is None
        assert stage.keeper.find_erasure(uid) is not None
