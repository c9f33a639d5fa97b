"""Servers on loopback for tests: a thread with a loop of its own, a port that is free.

Imported by tests and by the scripted servers. Nothing here knows Steward.
"""

from steward_loopback.polling import until, wait_until
from steward_loopback.serving import LoopbackServer, find_free_port

__all__ = ["LoopbackServer", "find_free_port", "until", "wait_until"]
