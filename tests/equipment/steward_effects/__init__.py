"""The whole chain for tests of fields: manifests, the real plan, a real runtime, scripted servers.

Lives here: what puts the parts together. A test says one field and looks at what comes out at the
far end: a request that the model server got, a call at the tool, an answer at the door, bytes.
Imported by `tests/effects` alone; nothing of it is shipped.
"""

from steward_effects.chain import Chain, Served, plan_blueprint
from steward_effects.objects import assistant_set

__all__ = ["Chain", "Served", "assistant_set", "plan_blueprint"]
