"""The seam of the operator: what `gather` hands to the plan, and what the plan hands to `apply`.

`World` is one frozen snapshot around one Assistant; `Plan` is the list of effects that brings the
cluster to what the snapshot asks for. Neither holds a client, a clock or randomness: time and
entropy are fields of `World`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from steward_api.blueprint import Blueprint, TrustedKey
from steward_api.meta import ObjectMeta, Status
from steward_api.reasons import Reason
from steward_api.v1alpha1 import (
    Assistant,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_operator.names import FIRST_GENERATION, AnchorRole, SecretRole
from steward_operator.objects import Manifest, ObjectKey, Subject
from steward_operator.plan.bounds import UNBOUNDED, Bounds
from steward_operator.settings import OperatorSettings

__all__ = [
    "FREE",
    "HELD_UNTIL_SECRETS",
    "Anchor",
    "AnchorRole",
    "Broken",
    "ErasureReport",
    "Event",
    "EventType",
    "FinalizerEdit",
    "GeneratedSecret",
    "Manifest",
    "MountFailure",
    "ObjectKey",
    "OperatorSettings",
    "Plan",
    "PlannedAnchor",
    "PodFault",
    "RuntimeQuestion",
    "RuntimeReport",
    "SecretRole",
    "Turn",
    "World",
    "WriteFault",
]


HELD_UNTIL_SECRETS: Final = frozenset({"Deployment", "PersistentVolumeClaim"})
"""Kinds of children that may be written only after their Secrets were. A volume claim proves that
its keys were made once, and a running Pod may hold the last copy of a lost key."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An object that exists and cannot be read, for example one of a newer schema."""

    kind: str
    name: str
    message: str
    """Why, without content of the object."""
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    status: Status = field(default_factory=Status)
    """Its conditions as far as they can be read, so that their times are kept."""


ModelLike: TypeAlias = Model | Broken
ToolLike: TypeAlias = Tool | Broken
PromptLike: TypeAlias = Prompt | Broken
MemoryPolicyLike: TypeAlias = MemoryPolicy | Broken
RetentionPolicyLike: TypeAlias = RetentionPolicy | Broken


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor ConfigMap that exists: it owns the generated Secrets named after its entropy."""

    role: AnchorRole
    generation: int
    entropy: str
    """32 hex digits."""
    uid: str = ""
    created_at: datetime | None = None
    """When the API server made it; None for one that is still to be made."""


@dataclass(frozen=True, slots=True)
class MountFailure:
    """A FailedMount Event of one of the assistant's Pods."""

    secret: str
    """Name of the Secret that the kubelet did not find."""


@dataclass(frozen=True, slots=True)
class PodFault:
    """Why a Pod of the runtime does not come up, as its status says."""

    reason: Reason
    detail: str
    """Names what is to be looked at; the same as long as the cause is, and never content."""
    is_of_container: bool = False
    """True where image or container are at fault, rather than a node, a volume or time."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the upgrade of the runtime's image means for one Assistant."""

    may_restart: bool = True
    stopped_by: Subject | None = None
    """The Assistant whose failure everybody waits for."""


FREE: Final = Turn()


@dataclass(frozen=True, slots=True)
class WriteFault:
    """A write of the last pass that the API server refused for good: not retried until a change."""

    key: ObjectKey
    code: int
    """HTTP status, for example 422; 409 where the name belongs to an object that is not ours."""
    message: str
    """The API server's words, cut to 200 characters; never content of a Secret."""


@dataclass(frozen=True, slots=True)
class RuntimeQuestion:
    """A runtime that is to be asked which Blueprint it serves."""

    uid: str
    """Uid of the Assistant."""
    blueprint_digest: str
    """The Blueprint whose Pod is available."""
    key_generation: int = FIRST_GENERATION
    """Generation of the key-encryption key that shall wrap every data key."""


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    """What a runtime said at `/internal/v1/status`, or why it said nothing."""

    asked_for: str
    """Digest of the Blueprint in the question."""
    blueprint_digest: str | None = None
    """What it serves; None where it did not say."""
    fault: Reason | None = None
    key_generation: int | None = None
    """Generation of the key-encryption key that wraps every data key; None while some are under an
    older one."""
    public_key: str | None = None
    """Key that signs its receipts, raw in base64."""
    predecessors: frozenset[str] = frozenset()
    """Keys that lead to it by statements which they signed themselves."""


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """How far the erasure of a deleted Assistant is."""

    is_proven: bool
    """A receipt that claims Complete is archived and co-signed, or nothing was ever stored."""
    reason: str
    """CamelCase: `Complete`, `Running`, `Partial`, `Uncosigned`, or the fault of the runtime."""


@dataclass(frozen=True, slots=True)
class World:
    """One snapshot around one Assistant: its namespace's referenced objects and its children.

    `children` holds every observed object with our labels for this Assistant. Metadata is enough
    for the plan, except for the Deployment, which needs `spec.template.metadata` and `status`.
    Whole objects are as good.
    """

    assistant: Assistant
    now: datetime
    entropy: Mapping[AnchorRole, str]
    """Fresh 32 hex digits for each anchor that may have to be made."""
    settings: OperatorSettings = field(default_factory=OperatorSettings)
    models: Mapping[str, ModelLike] = field(default_factory=dict)
    tools: Mapping[str, ToolLike] = field(default_factory=dict)
    prompts: Mapping[str, PromptLike] = field(default_factory=dict)
    memory_policies: Mapping[str, MemoryPolicyLike] = field(default_factory=dict)
    retention_policies: Mapping[str, RetentionPolicyLike] = field(default_factory=dict)
    children: tuple[Manifest, ...] = ()
    blueprints_in_use: frozenset[str] = frozenset()
    """Names of ConfigMaps that a ReplicaSet, Job or Pod of this Assistant mounts."""
    anchors: Mapping[AnchorRole, Anchor] = field(default_factory=dict)
    """The newest anchor of each role; no entry where there is none."""
    older_anchors: tuple[Anchor, ...] = ()
    """Every other anchor: generations that a newer one replaces."""
    secrets_present: Mapping[str, bool] = field(default_factory=dict)
    """Outcome of the last probe by Secret name; no entry where it was not probed yet."""
    last_blueprint: Blueprint | None = None
    """The Blueprint that `status.blueprintDigest` names, read from its ConfigMap."""
    mount_failures: tuple[MountFailure, ...] = ()
    faults: tuple[WriteFault, ...] = ()
    """Permanent refusals of the last pass; `apply` plans once more with them for the status."""
    operator_keys: tuple[TrustedKey, ...] = ()
    bounds: Bounds = UNBOUNDED
    """What the platform team allows in this namespace."""
    runtime: RuntimeReport | None = None
    """None until the runtime was asked; an answer about another Blueprint than the planned one
    proves nothing."""
    pod_fault: PodFault | None = None
    """None while a Pod serves, and where nobody looked yet."""
    turn: Turn = FREE
    erasure: ErasureReport | None = None
    """None until an erasure was ordered."""


@dataclass(frozen=True, slots=True)
class PlannedAnchor:
    """An anchor to POST before any of its Secrets."""

    anchor: Anchor
    manifest: Manifest
    """The whole ConfigMap. 409 means that another pass made it: gather again, then plan."""


@dataclass(frozen=True, slots=True)
class GeneratedSecret:
    """A Secret to POST once: `apply` adds `data` and an owner reference to the anchor's uid."""

    role: SecretRole
    name: str
    anchor: Anchor
    manifest: Manifest
    """The Secret without `data` and `ownerReferences`. 409 means that it exists: all is well."""
    keys: tuple[str, ...]
    """Keys of `data` to fill, in order."""


class FinalizerEdit(StrEnum):
    """What becomes of our finalizer."""

    ADD = "Add"
    REMOVE = "Remove"


class EventType(StrEnum):
    """The two types of Kubernetes Events."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Event:
    """One Event about the planned object."""

    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Effects, in the order of application.

    `anchors_to_create` → `secrets_to_create` → `children`. Of the children only those whose kind
    is in `HELD_UNTIL_SECRETS` wait for the Secrets; the others go in parallel. A child whose owned
    subset is already there is not written. `status` is the whole status object, None when it
    would change nothing.
    """

    anchors_to_create: tuple[PlannedAnchor, ...] = ()
    secrets_to_create: tuple[GeneratedSecret, ...] = ()
    children: tuple[Manifest, ...] = ()
    prune: tuple[ObjectKey, ...] = ()
    status: Manifest | None = None
    events: tuple[Event, ...] = ()
    requeue_seconds: int | None = None
    """Plan again after this time even if nothing happens."""
    question: RuntimeQuestion | None = None
    """Set while a Pod of the planned Blueprint is available."""
    is_erasing: bool = False
    """The runtime has to be told to erase everything, and asked how far it is."""
    records: tuple[Manifest, ...] = ()
    """ConfigMaps of the operator's own namespace to POST; 409 means that one is there."""
    finalizer: FinalizerEdit | None = None
    """ADD comes before everything that could hold data, REMOVE after everything else. Nothing else
    of a user's spec or metadata is ever written."""
