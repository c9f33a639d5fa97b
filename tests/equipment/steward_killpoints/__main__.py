"""A process of its own that drives one task and dies where it is told to.

Usage: python -m steward_killpoints DATA_DIRECTORY TOOL_PORT SCENARIO KILL_POINT TOOL_KIND
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from steward_core import ask
from steward_killpoints.killing import KillAt, Moment, parse_kill_point
from steward_killpoints.scenarios import EFFECT_OF, Scenario
from steward_killpoints.stage import open_stage


async def drive(arguments: list[str]) -> None:
    """Send one request and wait for its outcome, if we live so long."""
    directory, port, scenario, point_text, tool_kind = arguments
    point = parse_kill_point(point_text)
    async with open_stage(
        Path(directory),
        int(port),
        Scenario(scenario),
        tool_kind=tool_kind,
        dies_after=EFFECT_OF[point.type] if point.moment is Moment.AFTER_EFFECT else "",
        wrap_journal=lambda inner: KillAt(inner, point),
    ) as core:
        await core.chat(ask("What is the state of T-1?"))


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1:]))
