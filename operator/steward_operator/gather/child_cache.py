"""Children as last seen: small records, found by Assistant, and which of them are verified.

A record is *verified* when the object was compared field by field with what we wanted (or was
written by us), and has not changed since. What is verified for the same wish needs no read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from steward_operator.gather.child_record import (
    ChildKey,
    ChildRecord,
    build_fingerprint,
    build_record,
    is_same_but_status,
    key_of_child,
)
from steward_operator.gather.own_cache import is_newer
from steward_operator.gather.subject import Subject
from steward_operator.kube.resources import Resource
from steward_operator.objects import Manifest

COMPRESSION: Final = 1


@dataclass(frozen=True, slots=True)
class Concern:
    """An Assistant that should look at its children."""

    subject: Subject
    is_urgent: bool = True
    """False where only a Deployment's status moved, and not to its goal."""


class ChildCache:
    """Holds one record per child that carries our labels."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: dict[ChildKey, ChildRecord] = {}
        self._resources: dict[str, Resource] = {}
        self._by_assistant: dict[tuple[str, str], set[ChildKey]] = {}
        self._whole: dict[ChildKey, bytes] = {}
        self._in_flight: set[ChildKey] = set()
        self._deployments: dict[ChildKey, None] = {}

    def get(self, key: ChildKey) -> ChildRecord | None:
        """Return the record of one child, or None where there is none."""
        return self._records.get(key)

    def keep_whole(self, manifest: Manifest, resource: Resource) -> None:
        """Keep a whole object from the first list until its Assistant is looked at."""
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}
        kept = {"apiVersion": resource.api_version, "kind": resource.kind, **manifest}
        kept["metadata"] = metadata
        kept.pop("status", None)
        packed = zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), COMPRESSION)
        self._whole[key_of_child(manifest, resource)] = packed

    def take_whole(self, key: ChildKey, resource: Resource) -> Manifest | None:
        """Hand out the whole object of the first list, once, if it is still that version."""
        packed, record = self._whole.pop(key, None), self._records.get(key)
        if packed is None or record is None:
            return None
        manifest: Manifest = json.loads(zlib.decompress(packed))
        is_current = build_fingerprint(manifest, resource) == record.fingerprint
        return manifest if is_current and manifest["metadata"]["uid"] == record.uid else None

    def observe(self, manifest: Manifest, resource: Resource) -> Concern | None:
        """Take in one version of a child; return whom it concerns, if anybody.

        An older version, one that our own write returned, and one that differs in nothing that
        we read concern nobody.
        """
        key, metadata = key_of_child(manifest, resource), manifest["metadata"]
        known = self._records.get(key)
        if known is not None and not is_newer(metadata, known.uid, known.resource_version):
            return None
        record = build_record(manifest, resource)
        is_same = known is not None and is_same_but_status(known, record)
        if known is not None and is_same:
            record = replace(record, verified=known.verified)
        self._put(key, record, resource)
        if key in self._in_flight or (
            known is not None and is_same and known.state == record.state
        ):
            return None
        subject = Subject("Assistant", key.namespace, record.assistant)
        return Concern(subject, is_urgent=not is_same or record.is_available)

    def begin_write(self, key: ChildKey) -> None:
        """Say that a write is under way: events about it wake nobody, its pass will look."""
        self._in_flight.add(key)

    def end_write(self, key: ChildKey) -> bool:
        """Say that the write has ended; return true if the child is as it was wished."""
        self._in_flight.discard(key)
        record = self._records.get(key)
        return record is not None and bool(record.verified)

    def forget(self, manifest: Manifest, resource: Resource) -> Concern | None:
        """Drop a child that is gone; return whom that concerns, if anybody.

        One that has been made again meanwhile stays.
        """
        key = key_of_child(manifest, resource)
        known = self._records.get(key)
        uid = manifest["metadata"].get("uid")
        return None if known is not None and known.uid != uid else self.drop(key)

    def drop(self, key: ChildKey) -> Concern | None:
        """Drop a child by key; return whom that concerns, if anybody."""
        self._whole.pop(key, None)
        known = self._records.pop(key, None)
        self._deployments.pop(key, None)
        if known is None:
            return None
        siblings = self._by_assistant.get((key.namespace, known.assistant), set())
        siblings.discard(key)
        if not siblings:
            self._by_assistant.pop((key.namespace, known.assistant), None)
        return Concern(Subject("Assistant", key.namespace, known.assistant))

    def note_written(self, answer: Manifest, resource: Resource, desired_digest: str) -> None:
        """Remember what our own write made, before the watch tells us of it.

        Args:
            answer: Metadata that the write returned, or the whole of a kind that is seen whole.
            resource: Kind of the child.
            desired_digest: Digest of the wish that was written.
        """
        key, metadata = key_of_child(answer, resource), answer["metadata"]
        known = self._records.get(key)
        record = build_record(answer, resource, desired_digest)
        if known is None or is_newer(metadata, known.uid, known.resource_version):
            self._put(key, record, resource)
        elif known.resource_version == record.resource_version or is_same_but_status(known, record):
            # The watch was faster than the answer, and may have told more since.
            self._records[key] = replace(known, verified=desired_digest)

    def note_verified(self, observed: Manifest, resource: Resource, desired_digest: str) -> None:
        """Remember that a whole object was compared and holds the wish."""
        key = key_of_child(observed, resource)
        known = self._records.get(key)
        if known is not None and known.fingerprint == build_fingerprint(observed, resource):
            self._records[key] = replace(known, verified=desired_digest)

    def children_of(self, namespace: str, assistant: str) -> Iterator[tuple[ChildKey, ChildRecord]]:
        """Yield the records of one Assistant's children, sorted by kind and name."""
        for key in sorted(self._by_assistant.get((namespace, assistant), ())):
            yield key, self._records[key]

    def manifests_of(self, namespace: str, assistant: str) -> tuple[Manifest, ...]:
        """Return the kept part of each child of one Assistant."""
        return tuple(
            record.manifest(key, self._resources[key.kind])
            for key, record in self.children_of(namespace, assistant)
        )

    def deployments(self) -> Iterator[tuple[ChildKey, ChildRecord]]:
        """Yield the records of all Deployments."""
        for key in self._deployments:
            yield key, self._records[key]

    def keys_of(self, resource: Resource) -> tuple[ChildKey, ...]:
        """Return every key of one kind."""
        return tuple(key for key in self._records if key.kind == resource.kind)

    def _put(self, key: ChildKey, record: ChildRecord, resource: Resource) -> None:
        known = self._records.get(key)
        if known is not None and known.assistant != record.assistant:
            self.drop(key)
        self._records[key] = record
        self._resources[key.kind] = resource
        if record.facts is not None:
            self._deployments[key] = None
        self._by_assistant.setdefault((key.namespace, record.assistant), set()).add(key)
