"""Our own kinds as last seen, with an index of who depends on whom.

What many refer to is held parsed. Assistants, which are looked at alone, are held packed: 1 KB
instead of 16.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast

from steward_api.meta import Status
from steward_api.v1alpha1 import Assistant, MemoryPolicy
from steward_operator.gather.subject import Subject
from steward_operator.objects import Manifest
from steward_operator.plan.parsing import OwnObject, parse_object
from steward_operator.plan.world import Broken

ASSISTANT: Final = "Assistant"
Content: TypeAlias = OwnObject | Broken


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of ours as last seen."""

    uid: str
    resource_version: str
    generation: int
    is_terminating: bool
    targets: tuple[Subject, ...]
    """What it refers to."""
    held: Content | bytes
    is_ready: bool = False
    """True for an Assistant whose status says Ready."""

    def read(self) -> Content:
        """Return the parsed object; `Broken` where it cannot be parsed."""
        return parse_object(_unpack(self.held)) if isinstance(self.held, bytes) else self.held


class OwnCache:
    """Holds the newest version of every object of our kinds, and nothing that we don't read."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[Subject, Entry] = {}
        self._dependents: dict[Subject, set[Subject]] = {}

    def __len__(self) -> int:
        """Return how many objects are held."""
        return len(self._entries)

    def get(self, subject: Subject) -> Entry | None:
        """Return the entry of `subject`, or None where there is none."""
        return self._entries.get(subject)

    def subjects(self, kind: str | None = None) -> tuple[Subject, ...]:
        """Return every subject, or those of one kind."""
        return tuple(s for s in self._entries if kind is None or s.kind == kind)

    def observe(self, manifest: Manifest) -> tuple[Subject, ...]:
        """Take in one version of an object; return whom it concerns.

        An older version than the one held is ignored, and so is the one that our own write
        returned. A change of spec concerns all dependents; any other change only the object.
        """
        subject = subject_of(manifest)
        known = self._entries.get(subject)
        metadata = manifest["metadata"]
        if known is not None and not is_newer(metadata, known.uid, known.resource_version):
            return ()
        entry = parse_entry(manifest)
        self._put(subject, entry)
        is_same_spec = (
            known is not None
            and known.uid == entry.uid
            and known.generation == entry.generation
            and known.is_terminating == entry.is_terminating
        )
        return (subject,) if is_same_spec else (subject, *self.dependents_of(subject))

    def forget(self, subject: Subject, uid: str = "") -> tuple[Subject, ...]:
        """Drop a deleted object; return whom that concerns, itself first.

        With `uid` only that object is dropped: kopf may tell of the end of one object after the
        beginning of the next that has its name.
        """
        known = self._entries.get(subject)
        if known is None or (uid and known.uid != uid):
            return ()
        del self._entries[subject]
        concerned = (subject, *self.dependents_of(subject))
        self._link(subject, known, None)
        return concerned

    def targets_of(self, subject: Subject) -> tuple[Subject, ...]:
        """Return what `subject` refers to, through others too, whether it exists or not."""
        found: dict[Subject, None] = {}
        open_ends = [subject]
        while open_ends:
            entry = self._entries.get(open_ends.pop())
            for target in entry.targets if entry else ():
                if target not in found:
                    found[target] = None
                    open_ends.append(target)
        return tuple(found)

    def dependents_of(self, subject: Subject) -> tuple[Subject, ...]:
        """Return all that refer to `subject`, directly or through others, each once."""
        found: dict[Subject, None] = {}
        open_ends = [subject]
        while open_ends:
            for dependent in sorted(self._dependents.get(open_ends.pop(), ())):
                if dependent not in found and dependent != subject:
                    found[dependent] = None
                    open_ends.append(dependent)
        return tuple(found)

    def note_status(self, subject: Subject, status: Manifest, resource_version: str) -> None:
        """Remember the status that we have just written, before the watch tells us of it."""
        known = self._entries.get(subject)
        if known is not None:
            held = _with_status(known.held, status, resource_version)
            self._entries[subject] = replace(
                known,
                resource_version=resource_version,
                held=held,
                is_ready=says_ready(status),
            )

    def _put(self, subject: Subject, entry: Entry) -> None:
        known = self._entries.get(subject)
        self._entries[subject] = entry
        self._link(subject, known, entry)

    def _link(self, subject: Subject, old: Entry | None, new: Entry | None) -> None:
        before = frozenset(old.targets if old else ())
        after = frozenset(new.targets if new else ())
        for target in before - after:
            holders = self._dependents.get(target, set())
            holders.discard(subject)
            if not holders:
                self._dependents.pop(target, None)
        for target in after - before:
            self._dependents.setdefault(target, set()).add(subject)


def subject_of(manifest: Manifest) -> Subject:
    """Return the subject that a manifest of ours describes."""
    metadata = manifest["metadata"]
    return build_subject(manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def build_subject(kind: str, namespace: str, name: str) -> Subject:
    """Return a subject whose text is shared by all that name the same."""
    return Subject(sys.intern(kind), sys.intern(namespace), sys.intern(name))


def is_newer(metadata: Manifest, uid: str, resource_version: str) -> bool:
    """Say whether `metadata` is of a later version than the one held.

    Kubernetes promises since 1.35 that resourceVersions of one resource compare as integers.
    """
    seen = str(metadata.get("resourceVersion", ""))
    if seen.isdigit() and resource_version.isdigit():
        return int(seen) > int(resource_version)
    return seen != resource_version or str(metadata.get("uid", "")) != uid


def parse_entry(manifest: Manifest) -> Entry:
    """Parse one object of ours; one that cannot be read is `Broken`."""
    metadata = manifest["metadata"]
    kept = {name: value for name, value in metadata.items() if name not in _UNREAD}
    slim = {**manifest, "metadata": kept}
    content = parse_object(slim)
    return Entry(
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation", 1)),
        is_terminating=bool(metadata.get("deletionTimestamp")),
        targets=tuple(_references(content)),
        held=_pack(slim) if isinstance(content, Assistant) else content,
        is_ready=says_ready(manifest.get("status") or {}),
    )


def says_ready(status: Manifest) -> bool:
    """Say whether a status says Ready=True."""
    conditions = status.get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


_UNREAD: Final = frozenset({"managedFields", "labels", "annotations", "ownerReferences"})
"""Metadata that no decision reads; `managedFields` alone can outweigh the spec."""


def _pack(manifest: Manifest) -> bytes:
    return zlib.compress(json.dumps(manifest, separators=(",", ":")).encode())


def _unpack(packed: bytes) -> Manifest:
    manifest: Manifest = json.loads(zlib.decompress(packed))
    return manifest


def _with_status(held: Content | bytes, status: Manifest, resource_version: str) -> Content | bytes:
    if isinstance(held, bytes):
        manifest = _unpack(held)
        manifest["metadata"]["resourceVersion"] = resource_version
        return _pack({**manifest, "status": status})
    metadata = held.metadata.model_copy(update={"resource_version": resource_version})
    if isinstance(held, Broken):
        return replace(held, metadata=metadata, status=Status.model_validate(status))
    parse = cast("Any", type(held).model_fields["status"].annotation).model_validate
    return held.model_copy(update={"status": parse(status), "metadata": metadata})


def _references(content: Content) -> Iterator[Subject]:
    namespace = content.metadata.namespace
    if isinstance(content, Assistant):
        spec = content.spec
        yield build_subject("Prompt", namespace, spec.prompt_ref.name)
        yield build_subject("RetentionPolicy", namespace, spec.retention_policy_ref.name)
        for model in spec.model_refs:
            yield build_subject("Model", namespace, model.name)
        for tool in spec.tool_refs:
            yield build_subject("Tool", namespace, tool.name)
        if spec.memory_policy_ref is not None:
            yield build_subject("MemoryPolicy", namespace, spec.memory_policy_ref.name)
    if isinstance(content, MemoryPolicy) and content.spec.recall.embedder_ref is not None:
        yield build_subject("Model", namespace, content.spec.recall.embedder_ref.name)
