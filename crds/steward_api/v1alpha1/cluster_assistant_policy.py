"""ClusterAssistantPolicy: bounds that the platform team sets for the namespaces of a cluster."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from steward_api.meta import (
    LABEL_LENGTH_MAX,
    NAME_LENGTH_MAX,
    NAME_RULE,
    CidrBlock,
    DataClass,
    DeletionPolicy,
    Kind,
    KindNames,
    PrinterColumn,
    Rule,
    SchemaNode,
    Scope,
    Status,
    ZoneName,
    list_map,
    list_set,
)

NAMESPACE_PATTERN = "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$"
HOST_PATTERN = "^([*][.])?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

NamespacePattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LABEL_LENGTH_MAX, pattern=NAMESPACE_PATTERN),
]
"""Name of a namespace; `*` stands for any characters, also for none."""
HostPattern = Annotated[
    str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX, pattern=HOST_PATTERN)
]
"""Host without port; a leading `*.` stands for one label or more."""
Hosts = Annotated[tuple[HostPattern, ...], Field(max_length=128, json_schema_extra=list_set())]


class ModelBounds(SchemaNode):
    """Bounds on Models."""

    allowed_hosts: Hosts | None = None
    """Hosts that a Model may be at, for example models.example.com, *.example.com or
    chat.models.svc for a Service. An empty list allows none; without the field any is allowed.
    """


class ToolBounds(SchemaNode):
    """Bounds on Tools."""

    allowed_hosts: Hosts | None = None
    """Hosts that a Tool may call, written as for Models. An empty list allows none; without the
    field any is allowed.
    """


class WindowBounds(SchemaNode):
    """Bounds on the window of one class of data."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.minKeepSeconds) || !has(self.maxKeepSeconds) "
            "|| self.minKeepSeconds <= self.maxKeepSeconds",
            "minKeepSeconds must not exceed maxKeepSeconds",
            ".minKeepSeconds",
        ),
    )

    data_class: Annotated[DataClass, Field(alias="class")]
    """Class of data whose windows are bounded."""
    min_keep_seconds: Annotated[int, Field(ge=60, le=3_153_600_000)] | None = None
    """Least keepSeconds of a window, for example by a duty to keep records."""
    max_keep_seconds: Annotated[int, Field(ge=60, le=3_153_600_000)] | None = None
    """Greatest keepSeconds of a window."""


class RetentionBounds(SchemaNode):
    """Bounds on RetentionPolicies."""

    windows: Annotated[
        tuple[WindowBounds, ...],
        Field(min_length=1, max_length=4, json_schema_extra=list_map("class")),
    ]
    """Bounds per class of data; a class that is not named is not bounded."""


class ResidencyBounds(SchemaNode):
    """Bounds on where Pods, and the volumes that they use, may be."""

    allowed_zones: Annotated[
        tuple[ZoneName, ...], Field(min_length=1, max_length=32, json_schema_extra=list_set())
    ]
    """Zones that Pods may run in, values of the nodes' label topology.kubernetes.io/zone. They
    hold for Assistants that name no zones too.
    """


class ExposureBounds(SchemaNode):
    """Bounds on who may connect to assistants."""

    allowed_namespaces: (
        Annotated[tuple[NamespacePattern, ...], Field(max_length=64, json_schema_extra=list_set())]
        | None
    ) = None
    """Namespaces whose Pods an Assistant may let in, besides its own; `*` stands for any
    characters. An empty list allows none; without the field any is allowed.
    """
    allowed_cidrs: (
        Annotated[tuple[CidrBlock, ...], Field(max_length=64, json_schema_extra=list_set())] | None
    ) = None
    """Networks that an Assistant may let in, whole or in part. An empty list allows none; without
    the field any is allowed.
    """


class ClusterAssistantPolicySpec(SchemaNode):
    """Which namespaces are governed, and the bounds that hold there."""

    namespaces: Annotated[
        tuple[NamespacePattern, ...], Field(max_length=64, json_schema_extra=list_set())
    ] = ()
    """Namespaces that the bounds hold in; `*` stands for any characters. Empty means all."""
    models: ModelBounds | None = None
    """Bounds on Models."""
    tools: ToolBounds | None = None
    """Bounds on Tools."""
    retention: RetentionBounds | None = None
    """Bounds on RetentionPolicies."""
    residency: ResidencyBounds | None = None
    """Bounds on zones."""
    exposure: ExposureBounds | None = None
    """Bounds on who may connect to assistants."""
    required_deletion_policy: DeletionPolicy | None = None
    """The deletionPolicy that every Assistant must have."""


class ClusterAssistantPolicy(Kind):
    """Bounds that the platform team sets for assistants. Where several policies govern a
    namespace, each of them must hold, so that a further policy can only narrow.
    """

    NAMES: ClassVar[KindNames] = KindNames(
        "ClusterAssistantPolicy",
        "clusterassistantpolicies",
        "clusterassistantpolicy",
        scope=Scope.CLUSTER,
    )
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Namespaces", ".spec.namespaces"),
        PrinterColumn("Deletion", ".spec.requiredDeletionPolicy"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        PrinterColumn("Models", ".spec.models.allowedHosts", priority=1),
        PrinterColumn("Tools", ".spec.tools.allowedHosts", priority=1),
        PrinterColumn("Zones", ".spec.residency.allowedZones", priority=1),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    kind: Literal["ClusterAssistantPolicy"] = "ClusterAssistantPolicy"
    spec: ClusterAssistantPolicySpec
    status: Status = Status()
