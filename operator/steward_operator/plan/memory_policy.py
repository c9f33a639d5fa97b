"""MemoryPolicy: is it usable, and what its status says."""

from __future__ import annotations

from datetime import datetime

from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_api.v1alpha1 import MemoryPolicy
from steward_api.v1alpha1.memory_policy import RecallMode
from steward_operator.plan.own_status import check_distinct, plan_own_status
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings


def plan_memory_policy(policy: MemoryPolicy, *, now: datetime, settings: OperatorSettings) -> Plan:
    """Plan the status of a MemoryPolicy."""
    return plan_own_status(policy, check_memory_policy(policy, settings), now=now)


def check_memory_policy(policy: MemoryPolicy, settings: OperatorSettings) -> tuple[Problem, ...]:
    """Return what keeps a MemoryPolicy from being accepted, its embedder apart."""
    del settings  # every check of one object has the same arguments
    return (
        *_check_recall(policy),
        *check_distinct(
            (segment.name for segment in policy.spec.segments), "spec.segments", "name"
        ),
    )


def _check_recall(policy: MemoryPolicy) -> tuple[Problem, ...]:
    recall = policy.spec.recall
    if (recall.mode is RecallMode.HYBRID) == (recall.embedder_ref is not None):
        return ()
    message = "must be set when mode is Hybrid, and only then"
    return (Problem("spec.recall.embedderRef", Reason.SPEC_INVALID, message),)
