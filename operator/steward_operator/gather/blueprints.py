"""Blueprints that were accepted before, and which of their ConfigMaps something still names."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import ValidationError

from steward_api.blueprint import BLUEPRINT_FILE, Blueprint
from steward_operator import labels
from steward_operator.errors import AbsentError
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient, Selection
from steward_operator.kube.resources import CONFIG_MAPS, JOBS, PODS, REPLICA_SETS, Resource
from steward_operator.names import Component, blueprint_config_map_name
from steward_operator.objects import Manifest

KEPT_MAX: Final = 2
"""The accepted Blueprint and the one that was just written."""


class BlueprintStore:
    """Remembers Blueprints, compressed (some 1.5 KB each), by Assistant and ConfigMap."""

    def __init__(self, client: KubeClient) -> None:
        """Read what is not remembered through `client`."""
        self._client = client
        self._kept: dict[Subject, dict[str, bytes]] = {}

    def note(self, assistant: Subject, config_map: Manifest) -> None:
        """Remember the Blueprint in a whole ConfigMap."""
        text = (config_map.get("data") or {}).get(BLUEPRINT_FILE)
        if text is None:
            return
        kept, name = self._kept.setdefault(assistant, {}), config_map["metadata"]["name"]
        if name not in kept:
            kept[name] = zlib.compress(text.encode())
        while len(kept) > KEPT_MAX:
            del kept[next(iter(kept))]

    def forget(self, assistant: Subject) -> None:
        """Drop a deleted Assistant."""
        self._kept.pop(assistant, None)

    async def gather(self, assistant: Subject, digest: str | None) -> Blueprint | None:
        """Return the Blueprint with `digest`, or None where it is gone or cannot be understood.

        Raises:
            ApiError: if its ConfigMap cannot be read.
        """
        if digest is None:
            return None
        name = blueprint_config_map_name(assistant.name, digest)
        packed = self._kept.get(assistant, {}).get(name)
        if packed is None:
            try:
                whole = await self._client.get(CONFIG_MAPS, assistant.namespace, name)
            except AbsentError:
                return None
            self.note(assistant, whole)
            packed = self._kept.get(assistant, {}).get(name)
        return None if packed is None else _parse(zlib.decompress(packed), digest)


class BlueprintUses:
    """Finds out which Blueprint ConfigMaps a ReplicaSet, Job or Pod still names."""

    def __init__(self, client: KubeClient) -> None:
        """List through `client`."""
        self._client = client

    async def gather(self, assistant: Subject, children: Iterable[Manifest]) -> frozenset[str]:
        """Return names of ConfigMaps in use; nothing is listed while there is at most one.

        Raises:
            ApiError: if a list fails.
        """
        names = {child["metadata"]["name"] for child in children if is_blueprint(child)}
        if len(names) <= 1:
            return frozenset(names)
        used = await asyncio.gather(
            *(self._names_in(resource, assistant) for resource in (REPLICA_SETS, JOBS, PODS))
        )
        return frozenset().union(*used) & names

    async def _names_in(self, resource: Resource, assistant: Subject) -> frozenset[str]:
        chosen = Selection(assistant.namespace, labels=f"{labels.ASSISTANT}={assistant.name}")
        found: set[str] = set()
        async for page in self._client.pages(resource, chosen):
            for item in page.items:
                found.update(_config_maps_of(item, resource))
        return frozenset(found)


def is_blueprint(child: Manifest) -> bool:
    """Say whether a child is the ConfigMap of a Blueprint."""
    found = (child["metadata"].get("labels") or {}).get(labels.COMPONENT)
    return bool(child["kind"] == CONFIG_MAPS.kind and found == Component.BLUEPRINT)


def _config_maps_of(item: Manifest, resource: Resource) -> Iterator[str]:
    pod = item["spec"] if resource is PODS else item["spec"]["template"]["spec"]
    for volume in pod.get("volumes") or ():
        name = (volume.get("configMap") or {}).get("name")
        if name:
            yield name


def _parse(text: bytes, digest: str) -> Blueprint | None:
    try:
        blueprint = Blueprint.model_validate_json(text)
    except ValidationError:
        return None
    return blueprint if blueprint.digest == digest else None
