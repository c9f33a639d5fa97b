"""Where Pods of an assistant may run: zones, as node affinity that the scheduler must keep."""

from __future__ import annotations

from typing import Final

from steward_operator.children.context import ChildContext
from steward_operator.objects import Manifest

ZONE_LABEL: Final = "topology.kubernetes.io/zone"
"""Well-known label of nodes; cloud providers and volumes of one zone carry it."""


def build_placement(context: ChildContext) -> Manifest:
    """Build the part of a Pod spec that holds it to zones; empty where any zone will do."""
    if not context.zones:
        return {}
    expressions = [
        {"key": ZONE_LABEL, "operator": "In", "values": list(zones)} for zones in context.zones
    ]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    }
