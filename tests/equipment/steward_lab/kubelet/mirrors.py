"""What the kubelet sees of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from steward_lab.kubelet.needs import CLAIM, SECRET, Need
from steward_lab.kubelet.storage import CLAIM_BOUND
from steward_lab.kubelet.watching import Mirror


@dataclass(frozen=True, slots=True)
class Mirrors:
    """What the kubelet sees of the cluster; Secrets and ConfigMaps without their data."""

    pods: Mirror
    secrets: Mirror
    config_maps: Mirror
    claims: Mirror
    services: Mirror

    def has(self, need: Need, namespace: str) -> bool:
        """Whether a needed object is there, and bound where it is a claim."""
        key = (namespace, need.name)
        if need.kind == CLAIM:
            claim = self.claims.objects.get(key)
            return claim is not None and claim.get("status", {}).get("phase") == CLAIM_BOUND
        return key in (self.secrets if need.kind == SECRET else self.config_maps).objects
