"""Anchor ConfigMaps as far as the plan needs them: role, generation, entropy, uid."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from steward_operator import labels
from steward_operator.children.anchor import ENTROPY_KEY, GENERATION_KEY
from steward_operator.errors import AbsentError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import CONFIG_MAPS
from steward_operator.objects import Manifest
from steward_operator.plan.world import Anchor, AnchorRole


class AnchorStore:
    """Remembers the content of anchors, which metadata-only watches don't show."""

    def __init__(self, client: KubeClient) -> None:
        """Read unknown anchors through `client`."""
        self._client = client
        self._known: dict[str, Anchor] = {}

    def note(self, manifest: Manifest) -> Anchor | None:
        """Remember an anchor from its whole ConfigMap; return None for any other ConfigMap."""
        anchor = parse_anchor(manifest)
        if anchor is not None:
            self._known[anchor.uid] = anchor
        return anchor

    def forget(self, uid: str) -> None:
        """Drop an anchor that is gone."""
        self._known.pop(uid, None)

    async def gather(self, children: Iterable[Manifest], assistant_uid: str) -> tuple[Anchor, ...]:
        """Return the anchors among an Assistant's children, by role and generation.

        An access anchor of an earlier Assistant of the same name is left to the garbage
        collector.

        Raises:
            ApiError: if an anchor that is not known yet cannot be read.
        """
        found: list[Anchor] = []
        for child in children:
            if not is_usable_anchor(child, assistant_uid):
                continue
            anchor = self._known.get(child["metadata"]["uid"]) or await self._read(child)
            if anchor is not None:
                found.append(anchor)
        return tuple(sorted(found, key=lambda anchor: (anchor.role, anchor.generation)))

    async def _read(self, child: Manifest) -> Anchor | None:
        metadata = child["metadata"]
        try:
            whole = await self._client.get(CONFIG_MAPS, metadata["namespace"], metadata["name"])
        except AbsentError:
            return None
        return self.note(whole)


def is_usable_anchor(child: Manifest, assistant_uid: str) -> bool:
    """Say whether a child is an anchor that is there to stay for this Assistant."""
    metadata = child["metadata"]
    if child["kind"] != CONFIG_MAPS.kind or metadata.get("deletionTimestamp"):
        return False
    role = (metadata.get("labels") or {}).get(labels.ANCHOR_ROLE)
    owners = [owner["uid"] for owner in metadata.get("ownerReferences") or ()]
    if role == AnchorRole.ACCESS:
        return assistant_uid in owners
    return role == AnchorRole.KEYS


def parse_anchor(manifest: Manifest) -> Anchor | None:
    """Parse an anchor's whole ConfigMap; None where it is none, or was tampered with."""
    metadata, data = manifest["metadata"], manifest.get("data") or {}
    role = (metadata.get("labels") or {}).get(labels.ANCHOR_ROLE)
    try:
        return Anchor(
            role=AnchorRole(str(role)),
            generation=int(data[GENERATION_KEY]),
            entropy=str(data[ENTROPY_KEY]),
            uid=str(metadata["uid"]),
            created_at=_parse_time(metadata.get("creationTimestamp")),
        )
    except (KeyError, ValueError):
        return None


def _parse_time(text: object) -> datetime | None:
    """Parse a time as the API server writes it.

    Raises:
        ValueError: if it is none.
    """
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
