"""ClusterAssistantPolicy: is it usable, and what its status says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_api.v1alpha1 import ClusterAssistantPolicy
from steward_operator.plan.own_status import plan_own_status
from steward_operator.plan.patterns import is_network
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings


def plan_cluster_assistant_policy(
    policy: ClusterAssistantPolicy, *, now: datetime, settings: OperatorSettings
) -> Plan:
    """Plan the status of a ClusterAssistantPolicy."""
    problems = check_cluster_assistant_policy(policy, settings)
    return plan_own_status(policy, problems, now=now)


def check_cluster_assistant_policy(
    policy: ClusterAssistantPolicy, settings: OperatorSettings
) -> tuple[Problem, ...]:
    """Return what in a policy means nothing; it binds all the same."""
    del settings  # every check of one object has the same arguments
    return (*_check_networks(policy), *_check_windows(policy))


def _check_networks(policy: ClusterAssistantPolicy) -> Iterator[Problem]:
    exposure = policy.spec.exposure
    for index, cidr in enumerate((exposure.allowed_cidrs if exposure else None) or ()):
        if not is_network(cidr):
            field = f"spec.exposure.allowedCidrs[{index}]"
            yield Problem(field, Reason.SPEC_INVALID, "must be a network, for example 10.0.0.0/8")


def _check_windows(policy: ClusterAssistantPolicy) -> Iterator[Problem]:
    for bound in policy.spec.retention.windows if policy.spec.retention else ():
        least, greatest = bound.min_keep_seconds, bound.max_keep_seconds
        if least is not None and greatest is not None and least > greatest:
            field = f"spec.retention.windows[{bound.data_class}].minKeepSeconds"
            yield Problem(field, Reason.SPEC_INVALID, "must not exceed maxKeepSeconds")
