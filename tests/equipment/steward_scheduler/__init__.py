"""The real kube-scheduler beside the lab's control plane, and nodes in zones for it to choose.

Lives here: the pinned binary, its process, and Node objects that no kubelet stands behind, since
only the choice is asked. Imported by tests of placement alone.
"""

from steward_scheduler.scheduling import SCHEDULER, Scheduler, add_node

__all__ = ["SCHEDULER", "Scheduler", "add_node"]
