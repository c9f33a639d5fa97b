"""Children as last seen: small records, found by Assistant, and which of them are verified.

A record is *verified* when the object was compared field by field with what we wanted (or was
written by us), and has not changed since. What is verified for the same wish needs no read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from steward_operator import labels
from steward_operator.gather.own_cache import is_newer
from steward_operator.gather.subject import Subject
from steward_operator.kube.resources import DEPLOYMENTS, Resource
from steward_operator.objects import Manifest

DEPLOYMENT_REVISION: Final = "deployment.kubernetes.io/revision"
"""Annotation that the Deployment controller counts up at each rollout: not ours, no drift."""
COMPRESSION: Final = 1


class ChildKey(NamedTuple):
    """Names one child."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """What is kept of one child: some 700 bytes."""

    uid: str
    resource_version: str
    fingerprint: int
    """Equal as long as nothing but status has changed."""
    assistant: str
    document: bytes
    """Metadata as JSON; of a Deployment also the template's metadata and the status."""
    state: int = 0
    """Equal as long as a Deployment's status says the same."""
    is_terminating: bool = False
    verified: str = ""
    """Digest of the wish that the object was found to hold; empty when it must be read."""

    @property
    def version(self) -> str:
        """Return text that changes with everything but status."""
        return f"{self.uid}:{self.fingerprint}"

    def manifest(self, resource: Resource) -> Manifest:
        """Return the kept part as a manifest."""
        document: Manifest = json.loads(self.document)
        document["metadata"].update(uid=self.uid, resourceVersion=self.resource_version)
        return {"apiVersion": resource.api_version, "kind": resource.kind, **document}


class ChildCache:
    """Holds one record per child that carries our labels."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: dict[ChildKey, ChildRecord] = {}
        self._resources: dict[str, Resource] = {}
        self._by_assistant: dict[tuple[str, str], set[ChildKey]] = {}
        self._full: dict[ChildKey, bytes] = {}
        self._in_flight: set[ChildKey] = set()

    def get(self, key: ChildKey) -> ChildRecord | None:
        """Return the record of one child, or None where there is none."""
        return self._records.get(key)

    def keep_full(self, manifest: Manifest, resource: Resource) -> None:
        """Keep a whole object from the first list until its Assistant is looked at."""
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}
        kept = {"apiVersion": resource.api_version, "kind": resource.kind, **manifest}
        kept["metadata"] = metadata
        kept.pop("status", None)
        packed = zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), COMPRESSION)
        self._full[key_of_child(manifest, resource)] = packed

    def take_full(self, key: ChildKey) -> Manifest | None:
        """Hand out the whole object of the first list, once, if it is still that version."""
        packed, record = self._full.pop(key, None), self._records.get(key)
        if packed is None or record is None:
            return None
        manifest: Manifest = json.loads(zlib.decompress(packed))
        metadata = manifest["metadata"]
        is_current = build_fingerprint(manifest) == record.fingerprint
        return manifest if is_current and metadata["uid"] == record.uid else None

    def observe(self, manifest: Manifest, resource: Resource) -> Subject | None:
        """Take in one version of a child; return the Assistant that should look, or None.

        An older version, one that our own write returned, and one that differs in nothing that
        we read concern nobody.
        """
        key, metadata = key_of_child(manifest, resource), manifest["metadata"]
        known = self._records.get(key)
        if known is not None and not is_newer(metadata, known.uid, known.resource_version):
            return None
        record = build_record(manifest, resource)
        is_same = known is not None and is_same_wish(known, record)
        if is_same and known is not None:
            record = replace(record, verified=known.verified)
        self._put(key, record, resource)
        if key in self._in_flight or (is_same and known and known.state == record.state):
            return None
        return Subject("Assistant", key.namespace, record.assistant)

    def begin_write(self, key: ChildKey) -> None:
        """Say that a write is under way: events about it wake nobody, its pass will look."""
        self._in_flight.add(key)

    def end_write(self, key: ChildKey) -> bool:
        """Say that the write has ended; return true if the child is as it was wished."""
        self._in_flight.discard(key)
        record = self._records.get(key)
        return record is not None and bool(record.verified)

    def forget(self, manifest: Manifest, resource: Resource) -> Subject | None:
        """Drop a child that is gone; return the Assistant that should look, or None."""
        return self.drop(key_of_child(manifest, resource))

    def drop(self, key: ChildKey) -> Subject | None:
        """Drop a child by key; return the Assistant that should look, or None."""
        self._full.pop(key, None)
        known = self._records.pop(key, None)
        if known is None:
            return None
        siblings = self._by_assistant.get((key.namespace, known.assistant), set())
        siblings.discard(key)
        if not siblings:
            self._by_assistant.pop((key.namespace, known.assistant), None)
        return Subject("Assistant", key.namespace, known.assistant)

    def note_written(self, answer: Manifest, resource: Resource, desired_digest: str) -> None:
        """Remember what our own write made, before the watch tells us of it.

        Args:
            answer: Metadata that the write returned.
            resource: Kind of the child.
            desired_digest: Digest of the wish that was written.
        """
        key, metadata = key_of_child(answer, resource), answer["metadata"]
        known = self._records.get(key)
        record = replace(build_record(answer, resource), verified=desired_digest)
        if known is not None and not is_newer(metadata, known.uid, known.resource_version):
            # The watch was faster than the answer, and may have more to tell.
            is_ours = known.resource_version == record.resource_version
            if is_ours or is_same_wish(known, record):
                self._records[key] = replace(known, verified=desired_digest)
            return
        if resource is DEPLOYMENTS and known is not None:
            record = _with_state_of(known, record)
        self._put(key, record, resource)

    def note_verified(self, observed: Manifest, resource: Resource, desired_digest: str) -> None:
        """Remember that a whole object was compared and holds the wish."""
        key = key_of_child(observed, resource)
        known = self._records.get(key)
        if known is not None and known.fingerprint == build_fingerprint(observed):
            self._records[key] = replace(known, verified=desired_digest)

    def children_of(self, namespace: str, assistant: str) -> Iterator[tuple[ChildKey, ChildRecord]]:
        """Yield the records of one Assistant's children, sorted by kind and name."""
        for key in sorted(self._by_assistant.get((namespace, assistant), ())):
            yield key, self._records[key]

    def manifests_of(self, namespace: str, assistant: str) -> tuple[Manifest, ...]:
        """Return the kept part of each child of one Assistant."""
        return tuple(
            record.manifest(self._resources[key.kind])
            for key, record in self.children_of(namespace, assistant)
        )

    def keys_of(self, resource: Resource) -> tuple[ChildKey, ...]:
        """Return every key of one kind."""
        return tuple(key for key in self._records if key.kind == resource.kind)

    def _put(self, key: ChildKey, record: ChildRecord, resource: Resource) -> None:
        known = self._records.get(key)
        if known is not None and known.assistant != record.assistant:
            self.drop(key)
        self._records[key] = record
        self._resources[key.kind] = resource
        self._by_assistant.setdefault((key.namespace, record.assistant), set()).add(key)


def key_of_child(manifest: Manifest, resource: Resource) -> ChildKey:
    """Return the key of a child; lists leave out apiVersion and kind of their items."""
    metadata = manifest["metadata"]
    return ChildKey(resource.kind, metadata["namespace"], metadata["name"])


def build_record(manifest: Manifest, resource: Resource) -> ChildRecord:
    """Build the record of one version of a child."""
    metadata = manifest["metadata"]
    kept: Manifest = {"metadata": _slim_metadata(metadata)}
    state = 0
    if resource is DEPLOYMENTS and "spec" in manifest:
        template = manifest["spec"]["template"].get("metadata") or {}
        kept["spec"] = {"template": {"metadata": template}}
        kept["spec"]["replicas"] = manifest["spec"].get("replicas", 1)
        kept["status"] = _slim_status(manifest.get("status") or {})
        state = hash(json.dumps(kept["status"], sort_keys=True))
    return ChildRecord(
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        fingerprint=build_fingerprint(manifest),
        assistant=str((metadata.get("labels") or {}).get(labels.ASSISTANT, "")),
        document=json.dumps(kept, separators=(",", ":")).encode(),
        state=state,
        is_terminating=bool(metadata.get("deletionTimestamp")),
    )


def is_same_wish(one: ChildRecord, other: ChildRecord) -> bool:
    """Say whether two versions differ in nothing but status."""
    return (one.uid, one.fingerprint, one.assistant) == (
        other.uid,
        other.fingerprint,
        other.assistant,
    )


def build_fingerprint(manifest: Manifest) -> int:
    """Return a number that changes with everything but status.

    `metadata.generation` counts changes of the spec for the kinds that have one; for the others
    the resourceVersion does, and with it every change.
    """
    metadata = manifest["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(DEPLOYMENT_REVISION, None)
    version = metadata.get("generation") or metadata.get("resourceVersion")
    return hash(
        (
            version,
            tuple(sorted((metadata.get("labels") or {}).items())),
            tuple(sorted(annotations.items())),
            tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
            metadata.get("deletionTimestamp"),
        )
    )


_KEPT: Final = (
    "name",
    "namespace",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
)


def _slim_metadata(metadata: Manifest) -> Manifest:
    return {name: metadata[name] for name in _KEPT if metadata.get(name)}


def _slim_status(status: Manifest) -> Manifest:
    """Leave out the times of conditions, which change without meaning anything to us."""
    conditions = [
        {name: c[name] for name in ("type", "status", "reason", "message") if name in c}
        for c in status.get("conditions") or ()
    ]
    return {**status, "conditions": conditions} if conditions else status


def _with_state_of(known: ChildRecord, written: ChildRecord) -> ChildRecord:
    """Keep template and status of a Deployment until the watch brings those of the new version."""
    document = {**json.loads(known.document), **json.loads(written.document)}
    packed = json.dumps(document, separators=(",", ":")).encode()
    return replace(written, document=packed, state=known.state)
