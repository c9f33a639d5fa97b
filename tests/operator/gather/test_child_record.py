"""What is kept of a child is enough to plan by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steward_operator.gather.child_record import build_record, key_of_child
from steward_operator.kube.resources import resource_of
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_plans.cluster import Cluster
from steward_plans.objects import make_assistant, make_world


def keep(child: Manifest) -> Manifest:
    """Return what the cache gives back of a child."""
    resource = resource_of(child)
    return build_record(child, resource).manifest(key_of_child(child, resource), resource)


@pytest.mark.parametrize("is_suspended", [False, True])
def test_the_plan_is_the_same_from_what_is_kept(is_suspended: bool) -> None:
    """Nothing that a plan reads is left out: replicas, for one, say when the volume is free."""
    cluster = Cluster()
    world = cluster.settle(make_world(make_assistant(suspend=is_suspended)))
    kept = replace(world, children=tuple(keep(child) for child in world.children))
    assert plan_assistant(kept) == plan_assistant(world)
