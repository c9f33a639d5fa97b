"""The test kubelet: binds Pods, and marks them by rule or runs them as local processes.

It is one asyncio loop in a thread, driven by watches. Pure modules (rules, needs, statuses,
environment) decide, the others read and write. Tests use `Kubelet`, `Rule` and `Outcome`; nothing
of the product may live here or import it.
"""

from steward_lab.kubelet.kubelet import Endpoint, Kubelet
from steward_lab.kubelet.rules import Outcome, Rule

__all__ = ["Endpoint", "Kubelet", "Outcome", "Rule"]
