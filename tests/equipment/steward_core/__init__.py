"""The runtime's core on a real database for tests: driver, journal and keys, with scripted edges.

Test equipment, never shipped.
"""

from steward_core.assistants import build_blueprint, build_tool
from steward_core.opening import KEK, Core, open_core, open_database
from steward_core.requests import ALICE, BOB, NOBODY, ask, build_caller
from steward_core.scripted_tools import ScriptedTools

__all__ = [
    "ALICE",
    "BOB",
    "KEK",
    "NOBODY",
    "Core",
    "ScriptedTools",
    "ask",
    "build_blueprint",
    "build_caller",
    "build_tool",
    "open_core",
    "open_database",
]
