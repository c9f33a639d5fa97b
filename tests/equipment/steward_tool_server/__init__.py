"""A scripted HTTP tool: notes every call, counts effects by idempotency key, fails on request.

Test equipment, never shipped.
"""

from steward_tool_server.serving import Behaviour, Called, ToolServer

__all__ = ["Behaviour", "Called", "ToolServer"]
