"""RetentionPolicy: is it usable, and what its status says."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_api.v1alpha1 import RetentionPolicy
from steward_api.v1alpha1.retention_policy import DataClass
from steward_operator.plan.bounds import Bounds, check_bounds
from steward_operator.plan.own_status import check_distinct, plan_own_status
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings

MINUTES_PER_HOUR: Final = 60
MINUTES_PER_DAY: Final = 1_440


def plan_retention_policy(
    policy: RetentionPolicy, *, now: datetime, settings: OperatorSettings, bounds: Bounds
) -> Plan:
    """Plan the status of a RetentionPolicy."""
    problems = (*check_retention_policy(policy, settings), *check_bounds(policy, bounds))
    return plan_own_status(policy, problems, now=now)


def check_retention_policy(
    policy: RetentionPolicy, settings: OperatorSettings
) -> tuple[Problem, ...]:
    """Return what keeps a RetentionPolicy from being accepted."""
    del settings  # every check of one object has the same arguments
    spec = policy.spec
    return (
        *_check_windows(policy),
        *_check_interval(policy),
        *check_distinct((hold.name for hold in spec.holds), "spec.holds", "name"),
        *check_distinct((backup.name for backup in spec.backups), "spec.backups", "name"),
    )


def is_valid_interval(minutes: int) -> bool:
    """Say whether a cron line can express an interval: it divides an hour, or a day in hours."""
    if minutes < 1:
        return False
    if minutes <= MINUTES_PER_HOUR:
        return MINUTES_PER_HOUR % minutes == 0
    return minutes % MINUTES_PER_HOUR == 0 and MINUTES_PER_DAY % minutes == 0


def _check_windows(policy: RetentionPolicy) -> tuple[Problem, ...]:
    found = [window.data_class for window in policy.spec.windows]
    if sorted(found) == sorted(DataClass):
        return ()
    message = f"must name each of {', '.join(DataClass)} once"
    return (Problem("spec.windows", Reason.SPEC_INVALID, message),)


def _check_interval(policy: RetentionPolicy) -> tuple[Problem, ...]:
    if is_valid_interval(policy.spec.purge.interval_minutes):
        return ()
    message = "must divide 60, or be whole hours that divide a day"
    return (Problem("spec.purge.intervalMinutes", Reason.SPEC_INVALID, message),)
