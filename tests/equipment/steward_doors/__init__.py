"""The doors with a scripted driver behind them, for tests of HTTP alone.

Test equipment, never shipped.
"""

from steward_doors.building import Doors, Setting, build_doors
from steward_doors.turns import GENERATED_KEY, ScriptedTurns, reply

__all__ = ["GENERATED_KEY", "Doors", "ScriptedTurns", "Setting", "build_doors", "reply"]
