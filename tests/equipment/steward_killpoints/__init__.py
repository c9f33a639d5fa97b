"""Kill points: where a process kills itself with SIGKILL while it drives a task.

The list is the enum of journal record types itself, each with three moments. Test equipment: no
product module knows of it.
"""

from steward_killpoints.killing import KillAt, KillPoint, Moment
from steward_killpoints.scenarios import SCENARIO_OF, Scenario, list_kill_points

__all__ = [
    "SCENARIO_OF",
    "KillAt",
    "KillPoint",
    "Moment",
    "Scenario",
    "list_kill_points",
]
