"""Pods as network namespaces: real packets through rules that a NetworkPolicy compiles to.

Lives here: a router and its hosts, each a process in a network namespace of its own, wired by
veth pairs, and questions of who can connect to whom. Needs a kernel that lets this user make
network namespaces, and the commands unshare, ip and nft; nothing of it outlives a question.
Knows nothing of policies. Imported by tests alone.
"""

from steward_wires.asking import Host, Try, WiresError, ask

__all__ = ["Host", "Try", "WiresError", "ask"]
