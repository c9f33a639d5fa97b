"""Every condition type and every reason, each with its meaning: the source of the reference page.

A reason is a promise: automation may depend on it, so one is added and never given a new meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ConditionType(StrEnum):
    """What a condition speaks of."""

    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    READY = "Ready"
    RUNTIME_VERIFIED = "RuntimeVerified"
    KEYS_CURRENT = "KeysCurrent"
    EGRESS_EXACT = "EgressExact"
    RESIDENCY_EXACT = "ResidencyExact"
    TRANSPORT_ENCRYPTED = "TransportEncrypted"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition has its status; also the reason of Events."""

    ACCEPTED = "Accepted"
    SPEC_INVALID = "SpecInvalid"
    UNREADABLE = "Unreadable"
    LOCAL_NOT_IN_CLUSTER = "LocalNotInCluster"
    URL_INVALID = "UrlInvalid"
    CONTRACT_MISSING = "ContractMissing"
    SCHEMA_INVALID = "SchemaInvalid"
    SCHEMA_TOO_LARGE = "SchemaTooLarge"
    URL_ARGUMENT_UNDECLARED = "UrlArgumentUndeclared"
    VARIABLE_UNDECLARED = "VariableUndeclared"
    BLUEPRINT_TOO_LARGE = "BlueprintTooLarge"
    BEYOND_CLUSTER_POLICY = "BeyondClusterPolicy"
    CLUSTER_POLICY_UNREADABLE = "ClusterPolicyUnreadable"

    RESOLVED = "Resolved"
    PROMPT_MISSING = "PromptMissing"
    PROMPT_NOT_ACCEPTED = "PromptNotAccepted"
    PROMPT_DIGEST_MISMATCH = "PromptDigestMismatch"
    MODEL_MISSING = "ModelMissing"
    MODEL_NOT_ACCEPTED = "ModelNotAccepted"
    MODEL_LACKS_ABILITY = "ModelLacksAbility"
    TOOL_MISSING = "ToolMissing"
    TOOL_NOT_ACCEPTED = "ToolNotAccepted"
    MEMORY_POLICY_MISSING = "MemoryPolicyMissing"
    MEMORY_POLICY_NOT_ACCEPTED = "MemoryPolicyNotAccepted"
    EMBEDDER_MISSING = "EmbedderMissing"
    EMBEDDER_NOT_ACCEPTED = "EmbedderNotAccepted"
    EMBEDDER_LACKS_ABILITY = "EmbedderLacksAbility"
    RETENTION_POLICY_MISSING = "RetentionPolicyMissing"
    RETENTION_POLICY_NOT_ACCEPTED = "RetentionPolicyNotAccepted"

    AVAILABLE = "Available"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    ROLLOUT_FAILED = "RolloutFailed"
    UPGRADE_WAITING = "UpgradeWaiting"
    UPGRADE_STOPPED = "UpgradeStopped"
    UPGRADE_FAILED = "UpgradeFailed"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    CONTAINER_REFUSED = "ContainerRefused"
    CONTAINER_CRASHING = "ContainerCrashing"
    VOLUME_NOT_BOUND = "VolumeNotBound"
    POD_NOT_SCHEDULED = "PodNotScheduled"
    SUSPENDED = "Suspended"
    ERASING = "Erasing"
    KEY_MISSING = "KeyMissing"
    SECRET_MISSING = "SecretMissing"  # noqa: S105  # a reason, not a secret
    NAME_CONFLICT = "NameConflict"
    WRITE_REFUSED = "WriteRefused"

    VERIFIED = "Verified"
    NOT_ASKED = "NotAsked"
    BLUEPRINT_MISMATCH = "BlueprintMismatch"
    SIGNING_KEY_UNPROVEN = "SigningKeyUnproven"
    RUNTIME_UNREACHABLE = "RuntimeUnreachable"
    RUNTIME_REFUSED = "RuntimeRefused"
    RUNTIME_ANSWER_BROKEN = "RuntimeAnswerBroken"

    CURRENT = "Current"
    ROTATION_IN_PROGRESS = "RotationInProgress"

    EXACT = "Exact"
    HOSTNAMES_NOT_ENFORCEABLE = "HostnamesNotEnforceable"
    PODS_NOT_SELECTED = "PodsNotSelected"
    TLS_NOT_CONFIGURED = "TlsNotConfigured"
    NO_BLUEPRINT = "NoBlueprint"
    VOLUME_NOT_CONSTRAINED = "VolumeNotConstrained"
    ZONES_CONTRADICT = "ZonesContradict"

    SETTLED = "Settled"
    NOT_STALLED = "NotStalled"


TYPE_MEANINGS: Final[Mapping[ConditionType, str]] = MappingProxyType(
    {
        ConditionType.ACCEPTED: (
            "The current spec, with everything that it refers to, can be served. While it is "
            "False, an Assistant goes on with the Blueprint that was last accepted, if any."
        ),
        ConditionType.RESOLVED_REFS: (
            "Every reference leads to an object that is accepted itself. The message names each "
            "reference that does not."
        ),
        ConditionType.READY: "A Pod serves the Blueprint that the status names.",
        ConditionType.RUNTIME_VERIFIED: (
            "The runtime itself said that it serves the Blueprint that the status names."
        ),
        ConditionType.KEYS_CURRENT: (
            "Only keys of the newest generations are in use. Shown once keys were rotated."
        ),
        ConditionType.EGRESS_EXACT: (
            "The NetworkPolicy allows exactly the declared destinations. The runtime's own "
            "connector pins the declared hosts in any case."
        ),
        ConditionType.RESIDENCY_EXACT: (
            "Pods and volume are in the zones of spec.residency and of ClusterAssistantPolicies. "
            "Present where there are such zones."
        ),
        ConditionType.TRANSPORT_ENCRYPTED: "Clients reach the Service by TLS.",
        ConditionType.RECONCILING: (
            "The operator is on the way to the declared state and will get there by itself "
            "(kstatus)."
        ),
        ConditionType.STALLED: (
            "Nothing moves until somebody mends what the message names (kstatus)."
        ),
    }
)

REASON_MEANINGS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.ACCEPTED: "The spec is accepted.",
        Reason.SPEC_INVALID: "The spec breaks a rule of the API; the message says which.",
        Reason.UNREADABLE: (
            "This version of the operator cannot read the object; install the version that made "
            "it, or mend the field that the message names."
        ),
        Reason.LOCAL_NOT_IN_CLUSTER: (
            "A Model of type Local runs on a laptop only (`steward up`); declare an endpoint of "
            "type OpenAI for a cluster."
        ),
        Reason.URL_INVALID: "The URL names no reachable host or port.",
        Reason.CONTRACT_MISSING: (
            "The Tool is accepted but has no contract, so that each call counts as Destructive "
            "and waits for a review. Declare spec.contract."
        ),
        Reason.SCHEMA_INVALID: "A JSON Schema of the Tool is malformed; the message says where.",
        Reason.SCHEMA_TOO_LARGE: "A JSON Schema of the Tool is larger than 16 KiB.",
        Reason.URL_ARGUMENT_UNDECLARED: (
            "The URL uses an argument that the input schema does not require."
        ),
        Reason.VARIABLE_UNDECLARED: (
            "The template uses a variable that is neither declared nor built in."
        ),
        Reason.BLUEPRINT_TOO_LARGE: (
            "The compiled Blueprint is larger than a ConfigMap holds (900 KiB); shorten schemas, "
            "descriptions or the template."
        ),
        Reason.BEYOND_CLUSTER_POLICY: (
            "The object goes beyond a bound of the platform team. The message names the "
            "ClusterAssistantPolicy and its field. What a policy no longer allows is not served "
            "on: new requests are denied, or the part that goes beyond is left out."
        ),
        Reason.CLUSTER_POLICY_UNREADABLE: (
            "The bounds of the platform team cannot be read, so that nothing is allowed: mend the "
            "ClusterAssistantPolicy that the message names, or let the operator list them."
        ),
        Reason.RESOLVED: "Every reference leads to an accepted object.",
        Reason.PROMPT_MISSING: "The Prompt does not exist.",
        Reason.PROMPT_NOT_ACCEPTED: "The Prompt exists and is not accepted.",
        Reason.PROMPT_DIGEST_MISMATCH: (
            "The Prompt's text is not the revision that promptRef.digest pins. Pin the new digest "
            "or restore the text; until then the last accepted Blueprint stays."
        ),
        Reason.MODEL_MISSING: "A Model does not exist; it is left out of the fail-over order.",
        Reason.MODEL_NOT_ACCEPTED: (
            "A Model is not accepted; it is left out of the fail-over order."
        ),
        Reason.MODEL_LACKS_ABILITY: (
            "A Model without the ability Chat is named as chat model; it is left out."
        ),
        Reason.TOOL_MISSING: "A Tool does not exist; the assistant works without it.",
        Reason.TOOL_NOT_ACCEPTED: "A Tool is not accepted; the assistant works without it.",
        Reason.MEMORY_POLICY_MISSING: "The MemoryPolicy does not exist.",
        Reason.MEMORY_POLICY_NOT_ACCEPTED: "The MemoryPolicy exists and is not accepted.",
        Reason.EMBEDDER_MISSING: "The Model that the MemoryPolicy's recall names does not exist.",
        Reason.EMBEDDER_NOT_ACCEPTED: (
            "The Model that the MemoryPolicy's recall names is not accepted."
        ),
        Reason.EMBEDDER_LACKS_ABILITY: (
            "The Model that the MemoryPolicy's recall names lacks the ability Embeddings."
        ),
        Reason.RETENTION_POLICY_MISSING: (
            "The RetentionPolicy does not exist; without one no assistant is accepted."
        ),
        Reason.RETENTION_POLICY_NOT_ACCEPTED: "The RetentionPolicy exists and is not accepted.",
        Reason.AVAILABLE: "A Pod serves the current Blueprint.",
        Reason.ROLLOUT_IN_PROGRESS: "The Deployment has no available Pod of the Blueprint yet.",
        Reason.ROLLOUT_FAILED: (
            "The Deployment gave up waiting for its Pod; the Pod's events and logs say why."
        ),
        Reason.UPGRADE_WAITING: (
            "The runtime's image has changed, and so many Assistants as the operator's "
            "`--upgrade-max-concurrent` says restart at a time. This one serves as before until "
            "its turn comes, and changes of its spec with it."
        ),
        Reason.UPGRADE_STOPPED: (
            "Another Assistant did not start with the changed image of the runtime, so no further "
            "one restarts. Mend that one, or set another image; this one serves as before."
        ),
        Reason.UPGRADE_FAILED: (
            "This Assistant does not start with the changed image of the runtime, and so no "
            "further one restarts; the message names the cause."
        ),
        Reason.IMAGE_UNAVAILABLE: "The node cannot pull the runtime's image.",
        Reason.CONTAINER_REFUSED: (
            "The node cannot make the container, for example because a Secret lacks a key."
        ),
        Reason.CONTAINER_CRASHING: "The container starts and ends again and again.",
        Reason.VOLUME_NOT_BOUND: (
            "The volume claim has no volume: its StorageClass is missing, or cannot provide one."
        ),
        Reason.POD_NOT_SCHEDULED: "No node takes the Pod; the message holds the scheduler's words.",
        Reason.ERASING: (
            "The Assistant is deleted under deletionPolicy Erase: it goes once an archived receipt "
            "proves that its data is gone, or when spec.erasureDeadlineSeconds have passed."
        ),
        Reason.SUSPENDED: "spec.suspend is true: nothing is served, and purging goes on.",
        Reason.KEY_MISSING: (
            "A key that encrypts or signs existing data is gone. It is never made anew: restore "
            "the Secret from a backup, or delete the volume claim to start without the data."
        ),
        Reason.SECRET_MISSING: "A Secret that the Pod mounts does not exist; create it.",
        Reason.NAME_CONFLICT: (
            "An object that is not Steward's has the name of a child; rename the Assistant or "
            "remove the object."
        ),
        Reason.WRITE_REFUSED: (
            "The API server refused a child for good; the message holds its words."
        ),
        Reason.VERIFIED: "The runtime serves the Blueprint that the status names.",
        Reason.NOT_ASKED: "The runtime has not been asked yet.",
        Reason.BLUEPRINT_MISMATCH: "The runtime serves another Blueprint.",
        Reason.SIGNING_KEY_UNPROVEN: (
            "The runtime signs by another key than the pinned one, and no statement signed by the "
            "pinned one names it."
        ),
        Reason.RUNTIME_UNREACHABLE: (
            "The runtime did not answer on its administration port; it is asked again."
        ),
        Reason.RUNTIME_REFUSED: (
            "The runtime does not accept the operator's token: its trust document lags, or the "
            "clocks of the nodes differ by more than a few seconds."
        ),
        Reason.RUNTIME_ANSWER_BROKEN: (
            "What listens on the administration port does not speak the operator's contract."
        ),
        Reason.CURRENT: "No key of an older generation is in use.",
        Reason.ROTATION_IN_PROGRESS: (
            "Keys of an older generation are still needed; the message says what for."
        ),
        Reason.EXACT: "The NetworkPolicy allows the declared destinations and nothing else.",
        Reason.HOSTNAMES_NOT_ENFORCEABLE: (
            "A NetworkPolicy cannot name hosts outside the cluster, so public addresses are "
            "allowed on the declared ports; the runtime's connector refuses other hosts."
        ),
        Reason.PODS_NOT_SELECTED: (
            "Destinations inside the cluster are allowed by namespace and port, not by Pod; the "
            "runtime's connector refuses other hosts."
        ),
        Reason.TLS_NOT_CONFIGURED: "The Service speaks plain HTTP inside the cluster.",
        Reason.VOLUME_NOT_CONSTRAINED: (
            "Pods run in the named zones alone. A volume of one zone follows its Pod where the "
            "StorageClass waits for the first consumer; what a volume of several zones, its "
            "snapshots and the declared endpoints do, the operator cannot see."
        ),
        Reason.ZONES_CONTRADICT: (
            "The Assistant and the policies that govern it have no zone in common, so that no "
            "Pod finds a place."
        ),
        Reason.NO_BLUEPRINT: "There is nothing to serve yet.",
        Reason.SETTLED: "Nothing is left to do.",
        Reason.NOT_STALLED: "Nothing waits for somebody.",
    }
)
"""Meaning of each reason: what is the case, and what to do where something must be done."""
