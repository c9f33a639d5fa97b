"""plan_prune: what goes is ours by label and owner, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from steward_operator import labels
from steward_operator.names import Component
from steward_operator.objects import Manifest
from steward_operator.plan.prune import plan_prune
from steward_plans.objects import NAMESPACE, UID, make_world


def child(kind: str = "Service", name: str = "old", **metadata: Any) -> Manifest:
    """Return an observed child of the Assistant that is no longer wanted."""
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": "u",
            "resourceVersion": "7",
            "labels": labels.labels_of_owned_child("desk", Component.RUNTIME),
            "ownerReferences": [{"uid": UID, "controller": True}],
            **metadata,
        },
    }


def test_prunes_with_uid_and_version_of_what_was_read() -> None:
    """Both are preconditions of the delete."""
    (key,) = plan_prune(make_world(children=(child(),)), ())
    assert (key.name, key.uid, key.resource_version) == ("old", "u", "7")


@pytest.mark.parametrize(
    "kept",
    [
        child(ownerReferences=[]),
        child(ownerReferences=[{"uid": "somebody-else", "controller": True}]),
        child(ownerReferences=[{"uid": UID}]),
        child(labels=labels.labels_of_owned_child("other", Component.RUNTIME)),
        child(labels={labels.ASSISTANT: "desk"}),
        child(namespace="other"),
        child(deletionTimestamp="2026-01-01T00:00:00Z"),
        child(kind="Secret"),
        child(kind="PersistentVolumeClaim"),
        child(kind="ConfigMap", labels=labels.labels_of_owned_child("desk", Component.ANCHOR)),
    ],
)
def test_leaves_what_is_not_ours_to_delete(kept: Manifest) -> None:
    """Other owners, other assistants, anchors, volumes and Secrets stay."""
    assert plan_prune(make_world(children=(kept,)), ()) == ()


def test_leaves_what_is_planned_in_use_or_of_a_kept_kind() -> None:
    """A planned child, a mounted Blueprint, and kinds that the caller holds back."""
    world = make_world(
        children=(child(), child("ConfigMap", "mounted"), child("Deployment", "desk")),
        blueprints_in_use=frozenset({"mounted"}),
    )
    assert plan_prune(world, (child(),), kept_kinds={"Deployment"}) == ()
