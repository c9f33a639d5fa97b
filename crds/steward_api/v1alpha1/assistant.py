"""Assistant: one governed assistant, served behind an OpenAI-compatible API."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from steward_api.meta import (
    LABEL_NAME_RULE,
    NAME_RULE,
    SECRET_KIND,
    CidrBlock,
    DeletionPolicy,
    Kind,
    KindNames,
    LabelName,
    LocalRef,
    PrinterColumn,
    Rule,
    SchemaNode,
    SecretRef,
    Sha256Digest,
    Status,
    ZoneName,
    boolean_because,
    list_map,
    list_set,
    never_falls,
    refers_to,
)

CPU_PATTERN = "^([0-9]{1,4}(\\.[0-9]{1,3})?|[0-9]{1,6}m)$"
SIZE_PATTERN = "^[1-9][0-9]{0,5}(Ki|Mi|Gi|Ti)$"

LABEL_KEY_PATTERN = (
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE_PATTERN = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

CpuQuantity = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=CPU_PATTERN)]
ByteQuantity = Annotated[str, StringConstraints(min_length=3, max_length=10, pattern=SIZE_PATTERN)]

__all__ = [
    "Assistant",
    "AssistantSpec",
    "AssistantStatus",
    "Authentication",
    "DeletionPolicy",
    "Exposure",
    "Keys",
    "Limits",
    "Peer",
    "PodLabel",
    "PodResources",
    "PodSettings",
    "PromptRef",
    "Residency",
    "ResourceAmounts",
    "Storage",
]


class PromptRef(SchemaNode):
    """A Prompt, optionally pinned to one revision of its text."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    """Name of the Prompt in the same namespace."""
    digest: Sha256Digest | None = None
    """Revision to serve. While the Prompt's digest differs, the last accepted Blueprint stays."""


class Authentication(SchemaNode):
    """Who may chat besides the holder of the generated key."""

    keys_secret_ref: Annotated[SecretRef, Field(json_schema_extra=refers_to(SECRET_KIND))]
    """Secret of bound keys: key id to {keySha256, subject or mayActFor}; reloaded when it
    changes.
    """


class Keys(SchemaNode):
    """Generations of the keys that Steward makes; raising one replaces its keys."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        never_falls("apiKeyGeneration", "a key that was replaced does not come back"),
        never_falls("encryptionKeyGeneration", "a key that was replaced does not come back"),
    )

    api_key_generation: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Generation of the API key. A higher one replaces the key and restarts the Pod, now and when
    the overlap ends.
    """
    api_key_overlap_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 3_600
    """Seconds that a replaced API key goes on working, so that clients can change over."""
    encryption_key_generation: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Generation of the key-encryption key, and of the signing key beside it. A higher one replaces
    both: every data key is wrapped anew, then the older Secrets go. The Pod restarts twice.
    """


class Limits(SchemaNode):
    """Bounds on work; beyond them a request is answered 429 or 503 with Retry-After."""

    requests_per_minute: Annotated[int, Field(ge=1, le=60_000)] = 600
    """Requests that one key may start in a minute, as a token bucket of this size."""
    concurrent_tasks: Annotated[int, Field(ge=1, le=1_000)] = 16
    """Tasks that run at the same time."""
    queued_tasks: Annotated[int, Field(ge=0, le=10_000)] = 64
    """Tasks that may wait for a free place; one more is answered 503."""
    turn_deadline_seconds: Annotated[int, Field(ge=1, le=3_600)] = 120
    """Seconds from acceptance to the reply; then the task fails with DeadlineExceeded."""
    model_calls_per_turn: Annotated[int, Field(ge=1, le=64)] = 8
    """Model calls in one turn, so that a loop of tool calls ends."""
    request_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576
    """Bytes of a request body; a larger one is answered 413."""


class Storage(SchemaNode):
    """The volume of the embedded database."""

    size: ByteQuantity = "1Gi"
    """Size of the volume, for example 5Gi."""


class ResourceAmounts(SchemaNode):
    """An amount of each resource."""

    cpu: CpuQuantity | None = None
    """Processor time, for example 250m."""
    memory: ByteQuantity | None = None
    """Memory, for example 256Mi."""


class PodResources(SchemaNode):
    """What the runtime's container asks for and may use."""

    requests: ResourceAmounts = ResourceAmounts(cpu="100m", memory="128Mi")
    """Amounts that scheduling reserves."""
    limits: ResourceAmounts = ResourceAmounts(memory="512Mi")
    """Amounts that the container may not exceed."""


class PodSettings(SchemaNode):
    """Settings of the runtime's Pod."""

    resources: PodResources = PodResources()
    """Compute resources of the runtime's container."""


class PodLabel(SchemaNode):
    """A label that a Pod must carry."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=317, pattern=LABEL_KEY_PATTERN)]
    """Key of the label, for example app.kubernetes.io/name."""
    value: Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE_PATTERN)]
    """Value of the label."""


class Peer(SchemaNode):
    """Pods of one namespace that may reach the assistant."""

    namespace: LabelName
    """Name of the namespace whose Pods may connect."""
    pod_labels: Annotated[
        tuple[PodLabel, ...], Field(max_length=8, json_schema_extra=list_map("key"))
    ] = ()
    """Labels that these Pods must carry, all of them. Empty means every Pod of the namespace."""


class Exposure(SchemaNode):
    """Who may connect to the assistant's API: Pods of its own namespace where nobody is named,
    else exactly those who are.
    """

    allowed_from: Annotated[
        tuple[Peer, ...], Field(max_length=32, json_schema_extra=list_map("namespace"))
    ] = ()
    """Pods that may connect, by namespace. Name the Assistant's own too where it shall stay in."""
    allowed_cidrs: Annotated[
        tuple[CidrBlock, ...], Field(max_length=32, json_schema_extra=list_set())
    ] = ()
    """Networks outside the cluster that may connect. Addresses of Pods change: name those by
    labels.
    """


class Residency(SchemaNode):
    """Where the assistant's Pods, and with them its volume, may be."""

    zones: Annotated[
        tuple[ZoneName, ...], Field(min_length=1, max_length=16, json_schema_extra=list_set())
    ]
    """Zones that Pods may run in, values of the nodes' label topology.kubernetes.io/zone."""


class AssistantSpec(SchemaNode):
    """What the assistant is for, what it may use and within which bounds."""

    RULES: ClassVar[tuple[Rule, ...]] = ()

    purpose: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """What the assistant's data is processed for; carried in the label of every value."""
    owner: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Team that answers for the assistant; shown as `owned_by` in /v1/models."""
    prompt_ref: Annotated[PromptRef, Field(json_schema_extra=refers_to("Prompt"))]
    """Prompt whose text becomes the system message."""
    model_refs: Annotated[
        tuple[LocalRef, ...],
        Field(
            min_length=1,
            max_length=8,
            json_schema_extra={**list_map("name"), **refers_to("Model")},
        ),
    ]
    """Chat models in fail-over order."""
    tool_refs: Annotated[
        tuple[LocalRef, ...],
        Field(max_length=32, json_schema_extra={**list_map("name"), **refers_to("Tool")}),
    ] = ()
    """Tools that the assistant may call."""
    memory_policy_ref: Annotated[
        LocalRef | None, Field(json_schema_extra=refers_to("MemoryPolicy"))
    ] = None
    """MemoryPolicy of the assistant. Without it nothing is remembered across conversations."""
    retention_policy_ref: Annotated[LocalRef, Field(json_schema_extra=refers_to("RetentionPolicy"))]
    """RetentionPolicy that says how long each class of data is kept."""
    authentication: Authentication | None = None
    """Further keys. Without it only the generated key may chat."""
    keys: Keys = Keys()
    """Rotation of the generated keys."""
    limits: Limits = Limits()
    """Bounds on requests, tasks and turns."""
    storage: Storage = Storage()
    """Volume of the embedded database."""
    pod: PodSettings = PodSettings()
    """Settings of the runtime's Pod."""
    exposure: Exposure = Exposure()
    """Who may connect to the assistant's API."""
    residency: Residency | None = None
    """Where the assistant may be. Without it Pods run in any zone that a ClusterAssistantPolicy
    leaves.
    """
    suspend: Annotated[
        bool, Field(json_schema_extra=boolean_because("CronJob and Job call it suspend, too"))
    ] = False
    """Stop serving. Purging goes on: a window does not wait for a suspended assistant."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """Retain keeps volume and keys when the Assistant is deleted; Erase proves them gone first.
    The running runtime erases, so set suspend to false before you delete.
    """
    erasure_deadline_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3_600
    """Seconds that deletion waits for a runtime to prove erasure; then it is recorded as
    unproven.
    """


class AssistantStatus(Status):
    """What the operator saw of an Assistant."""

    endpoint: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Base URL of the OpenAI-compatible API inside the cluster."""
    api_key_secret_name: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Secret whose key `apiKey` holds the generated key."""
    blueprint_digest: Sha256Digest | None = None
    """Digest of the Blueprint that was last accepted."""
    prompt_digest: Sha256Digest | None = None
    """Digest of the Prompt revision inside that Blueprint."""
    runtime_key: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Public key that signs receipts (Ed25519, raw, base64), pinned at first sight."""


class Assistant(Kind):
    """A governed AI assistant behind an OpenAI-compatible API."""

    NAMES: ClassVar[KindNames] = KindNames("Assistant", "assistants", "assistant", ("asst",))
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        PrinterColumn("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
        PrinterColumn("Model", ".spec.modelRefs[0].name"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        PrinterColumn("Owner", ".spec.owner", priority=1),
        PrinterColumn("Retention", ".spec.retentionPolicyRef.name", priority=1),
        PrinterColumn("Blueprint", ".status.blueprintDigest", priority=1),
        PrinterColumn("Endpoint", ".status.endpoint", priority=1),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE, LABEL_NAME_RULE)

    kind: Literal["Assistant"] = "Assistant"
    spec: AssistantSpec
    status: AssistantStatus = AssistantStatus()
