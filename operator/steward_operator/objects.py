"""Kubernetes objects as plain data: what a manifest is, and the key that names one (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON data; the only untyped shape that pure rooms hand around."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Names one object; `uid` and `resource_version` are the preconditions of a write to it."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""

    @property
    def address(self) -> tuple[str, str, str, str]:
        """The key without preconditions: equal for two versions of one object."""
        return (self.api_version, self.kind, self.namespace, self.name)


def key_of(manifest: Manifest) -> ObjectKey:
    """Return the key of a manifest; absent parts are empty strings."""
    metadata = manifest.get("metadata") or {}
    return ObjectKey(
        api_version=str(manifest.get("apiVersion", "")),
        kind=str(manifest.get("kind", "")),
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
    )


class Subject(NamedTuple):
    """One object of our own kinds: what names it in the queue, the caches and the index."""

    kind: str
    namespace: str
    name: str
