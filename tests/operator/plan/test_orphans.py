"""What is left of an Assistant whose finalizer somebody took away."""

from __future__ import annotations

from steward_operator.children.anchor import is_keys_anchor
from steward_operator.plan.orphans import plan_orphans
from steward_operator.plan.world import World
from steward_plans.cluster import Cluster
from steward_plans.objects import make_assistant, make_world


def settle(policy: str) -> World:
    """Return the world around an Assistant that is ready, with this deletion policy."""
    return Cluster().settle(make_world(make_assistant(deletionPolicy=policy)))


def test_under_erase_the_keys_anchor_goes() -> None:
    """All other children have it as their owner, and go with it."""
    (key,) = plan_orphans(settle("Erase").children).prune
    assert (key.kind, "keys" in key.name) == ("ConfigMap", True)


def test_under_retain_everything_stays() -> None:
    """Keys and volume wait for an Assistant of the same name."""
    assert plan_orphans(settle("Retain").children).prune == ()


def test_secrets_alone_make_no_orphan() -> None:
    """Generated Secrets are their anchor's under either policy."""
    children = settle("Retain").children
    (anchor,) = (child for child in children if is_keys_anchor(child))
    owner = {"kind": "ConfigMap", "uid": anchor["metadata"]["uid"]}
    secret = {"kind": "Secret", "metadata": {"name": "s", "ownerReferences": [owner]}}
    assert plan_orphans((*children, secret)).prune == ()


def test_an_anchor_that_is_on_its_way_is_left_alone() -> None:
    """One deletion is enough."""
    children = settle("Erase").children
    for child in children:
        child["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert plan_orphans(children).prune == ()


def test_nothing_left_is_nothing_to_do() -> None:
    """The usual end."""
    assert plan_orphans(()).prune == ()
