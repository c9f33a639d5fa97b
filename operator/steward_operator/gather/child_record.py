"""What is kept of one child, and what counts as a change of it (pure)."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from steward_operator import labels
from steward_operator.kube.resources import DEPLOYMENTS, Resource
from steward_operator.names import RUNTIME_CONTAINER
from steward_operator.objects import Manifest
from steward_operator.plan.upgrade import DeploymentFacts, gather_facts

FOREIGN_ANNOTATIONS: Final = (
    "deployment.kubernetes.io/",
    "pv.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
)
"""Prefixes of annotations by which Kubernetes' own controllers keep count: never drift."""
_KEPT_METADATA: Final = (
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "annotations",
)


class ChildKey(NamedTuple):
    """Names one child."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """What is kept of one child: some 500 bytes, besides text that it shares with its siblings."""

    uid: str
    resource_version: str
    fingerprint: int
    """Equal as long as nothing but status has changed."""
    assistant: str
    shared: tuple[str, str]
    """Labels and ownerReferences as JSON: the same text for all children that have the same."""
    document: str
    """The rest of the metadata as JSON; of a Deployment also replicas, the template's metadata, the
    runtime's image and the status."""
    state: int = 0
    """Equal as long as a Deployment's status says the same."""
    is_available: bool = False
    """True for a Deployment whose Pods are all of its newest spec and available."""
    is_terminating: bool = False
    facts: DeploymentFacts | None = None
    """What the upgrade reads off a Deployment."""
    verified: str = ""
    """Digest of the wish that the object was found to hold; empty when it must be read."""

    @property
    def version(self) -> str:
        """Return text that changes with everything but status."""
        return f"{self.uid}:{self.fingerprint}"

    def manifest(self, key: ChildKey, resource: Resource) -> Manifest:
        """Return the kept part as a manifest."""
        document: Manifest = json.loads(self.document)
        labels_text, owners_text = self.shared
        document["metadata"].update(
            name=key.name,
            namespace=key.namespace,
            uid=self.uid,
            resourceVersion=self.resource_version,
            labels=json.loads(labels_text),
            ownerReferences=json.loads(owners_text),
        )
        return {"apiVersion": resource.api_version, "kind": resource.kind, **document}


def key_of_child(manifest: Manifest, resource: Resource) -> ChildKey:
    """Return the key of a child; lists leave out apiVersion and kind of their items."""
    metadata = manifest["metadata"]
    return ChildKey(resource.kind, sys.intern(metadata["namespace"]), metadata["name"])


def build_record(manifest: Manifest, resource: Resource, verified: str = "") -> ChildRecord:
    """Build the record of one version of a child."""
    metadata = manifest["metadata"]
    kept: Manifest = {
        "metadata": {name: metadata[name] for name in _KEPT_METADATA if metadata.get(name)}
    }
    state, is_available, facts = 0, False, None
    if resource is DEPLOYMENTS:
        template = manifest["spec"]["template"].get("metadata") or {}
        status = _slim_status(manifest.get("status") or {})
        kept["spec"] = {
            "replicas": manifest["spec"].get("replicas", 1),
            "template": {"metadata": template, "spec": {"containers": _slim_containers(manifest)}},
        }
        kept["status"] = status
        state = hash(_pack(status))
        is_available = _is_available(metadata, manifest["spec"], status)
        facts = gather_facts(manifest)
    return ChildRecord(
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        fingerprint=build_fingerprint(manifest, resource),
        assistant=sys.intern(str((metadata.get("labels") or {}).get(labels.ASSISTANT, ""))),
        shared=(
            sys.intern(_pack(metadata.get("labels") or {})),
            sys.intern(_pack(metadata.get("ownerReferences") or [])),
        ),
        document=_pack(kept),
        state=state,
        is_available=is_available,
        is_terminating=bool(metadata.get("deletionTimestamp")),
        facts=facts,
        verified=verified,
    )


def is_same_but_status(one: ChildRecord, other: ChildRecord) -> bool:
    """Say whether two versions differ in nothing but status."""
    return (one.uid, one.fingerprint, one.assistant) == (
        other.uid,
        other.fingerprint,
        other.assistant,
    )


def build_fingerprint(manifest: Manifest, resource: Resource) -> int:
    """Return a number that changes with everything but status.

    `metadata.generation` counts changes of the spec for the kinds that have one. Of a kind that
    we see whole, the spec itself is looked at. For the rest it is the resourceVersion, which
    changes with everything.
    """
    metadata = manifest["metadata"]
    version: Any = metadata.get("generation")
    if not version and resource.is_whole:
        spec = {name: value for name, value in manifest["spec"].items() if name != "volumeName"}
        version = _pack(spec)
    annotations = metadata.get("annotations") or {}
    return hash(
        (
            version or metadata.get("resourceVersion"),
            tuple(sorted((metadata.get("labels") or {}).items())),
            tuple(sorted(a for a in annotations.items() if not _is_foreign(a[0]))),
            tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
            metadata.get("deletionTimestamp"),
        )
    )


def _is_foreign(annotation: str) -> bool:
    return annotation.startswith(FOREIGN_ANNOTATIONS)


def _slim_containers(deployment: Manifest) -> list[Manifest]:
    """Keep name and image of the runtime's container."""
    return [
        {"name": RUNTIME_CONTAINER, "image": sys.intern(str(container.get("image") or ""))}
        for container in deployment["spec"]["template"].get("spec", {}).get("containers") or ()
        if container.get("name") == RUNTIME_CONTAINER
    ]


def _slim_status(status: Manifest) -> Manifest:
    """Leave out the times of conditions, which change without meaning anything to us."""
    kept = ("type", "status", "reason")
    conditions = [
        {name: condition[name] for name in kept if name in condition}
        for condition in status.get("conditions") or ()
    ]
    return {**status, "conditions": conditions} if conditions else status


def _is_available(metadata: Manifest, spec: Manifest, status: Manifest) -> bool:
    wanted = spec.get("replicas", 1)
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    is_current = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    return is_current and counts == {wanted}


def _pack(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
