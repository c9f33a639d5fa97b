"""What all kinds share: the API group, bounds, references, conditions, and the model classes to
build on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GROUP: Final = "steward.dev"
"""The API group. Nothing else may spell it; derived names are built from this constant."""
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

OBJECT_NAME_LENGTH_MAX: Final = 40
"""Characters of `metadata.name`: a CronJob name ends at 52, and ours is `<name>-purge`."""
NAME_LENGTH_MAX: Final = 253
"""Characters of a name that refers to any Kubernetes object (RFC 1123 subdomain)."""
LABEL_LENGTH_MAX: Final = 63
"""Characters of an RFC 1123 label."""
URL_LENGTH_MAX: Final = 2048
CONDITIONS_MAX: Final = 16
SECRET_KIND: Final = "Secret"  # noqa: S105 - the name of a kind
"""The one kind outside our group that a reference may name."""
REFERS_TO: Final = "x-steward-refers-to"
"""Note on a reference in a schema: the kind that it names."""
GENERATION_MAX: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""
MESSAGE_LENGTH_MAX: Final = 1024

DNS_LABEL_PATTERN: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN_PATTERN: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

ZONE_PATTERN: Final = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
CIDR_PATTERN: Final = "^[0-9a-fA-F.:]+/[0-9]{1,3}$"

HTTP_URL_PATTERN: Final = "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\\s?#]*)?$"
"""An absolute URL without credentials, query and fragment."""

ObjectName = Annotated[
    str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX, pattern=DNS_SUBDOMAIN_PATTERN)
]
LabelName = Annotated[
    str, StringConstraints(min_length=1, max_length=LABEL_LENGTH_MAX, pattern=DNS_LABEL_PATTERN)
]
ZoneName = Annotated[
    str, StringConstraints(min_length=1, max_length=LABEL_LENGTH_MAX, pattern=ZONE_PATTERN)
]
"""Value of the label topology.kubernetes.io/zone of a node."""
CidrBlock = Annotated[str, StringConstraints(min_length=4, max_length=49, pattern=CIDR_PATTERN)]
"""An IPv4 or IPv6 network, for example 10.20.0.0/16."""
Sha256Digest = Annotated[
    str, StringConstraints(min_length=71, max_length=71, pattern="^sha256:[0-9a-f]{64}$")
]


class Frozen(BaseModel):
    """An immutable document: camelCase outside, snake_case inside, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule of a schema node: `rule` must hold, `message` says how to mend it."""

    rule: str
    message: str
    field_path: str | None = None


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """One column of `kubectl get`; priority above 0 shows with `-o wide` only."""

    name: str
    json_path: str
    type: str = "string"
    priority: int = 0


class Scope(StrEnum):
    """Where objects of a kind live, in Kubernetes' words."""

    NAMESPACED = "Namespaced"
    CLUSTER = "Cluster"


@dataclass(frozen=True, slots=True)
class KindNames:
    """How a kind is called in the API."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    scope: Scope = Scope.NAMESPACED


class SchemaNode(Frozen):
    """An object inside a spec; `RULES` become `x-kubernetes-validations` of that object."""

    RULES: ClassVar[tuple[Rule, ...]] = ()


class ObjectMeta(BaseModel):
    """The part of Kubernetes' ObjectMeta that Steward reads; the rest passes through untouched."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, populate_by_name=True
    )

    name: str = ""
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    resource_version: str = ""
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Sensitivity(StrEnum):
    """How sensitive a value is, in rising order."""

    PUBLIC = "Public"
    INTERNAL = "Internal"
    CONFIDENTIAL = "Confidential"
    RESTRICTED = "Restricted"


class DataClass(StrEnum):
    """A class of data that one window covers."""

    CONVERSATIONS = "Conversations"
    TASKS = "Tasks"
    MEMORY = "Memory"
    AUDIT_DETAIL = "AuditDetail"


class DeletionPolicy(StrEnum):
    """What becomes of the data when the Assistant is deleted."""

    RETAIN = "Retain"
    ERASE = "Erase"


class ConditionStatus(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(SchemaNode):
    """One observation about an object, in Kubernetes' own shape (metav1.Condition)."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Type of the condition in PascalCase, for example Ready."""
    status: ConditionStatus
    """True, False or Unknown."""
    observed_generation: Annotated[int, Field(ge=0, le=GENERATION_MAX)] = 0
    """Generation of the spec that this condition speaks of."""
    last_transition_time: Annotated[str, StringConstraints(max_length=32)] = ""
    """When the status last changed (RFC 3339)."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Documented constant in PascalCase that says why."""
    message: Annotated[str, StringConstraints(max_length=MESSAGE_LENGTH_MAX)] = ""
    """Plain sentence for people: what is wrong and what to do. Never content or secrets."""


class Status(SchemaNode):
    """What every kind reports."""

    observed_generation: Annotated[int, Field(ge=0, le=GENERATION_MAX)] = 0
    """Generation of the spec that this status speaks of."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=CONDITIONS_MAX,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    """Conditions of the object; each type appears once."""


class LocalRef(SchemaNode):
    """A reference to an object of a fixed kind in the same namespace."""

    name: ObjectName
    """Name of the object in the same namespace."""


class SecretRef(SchemaNode):
    """A reference to a Secret in the same namespace. Its key `hosts` lists where it may be sent."""

    name: ObjectName
    """Name of the Secret in the same namespace."""


class Kind(Frozen):
    """A custom resource. Subclasses set `NAMES`, `COLUMNS` and `RULES`, and narrow spec and
    status.
    """

    NAMES: ClassVar[KindNames]
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = ()
    RULES: ClassVar[tuple[Rule, ...]] = ()

    api_version: str = API_VERSION
    kind: str
    metadata: ObjectMeta


def list_map(*keys: str) -> dict[str, Any]:
    """Mark a list as a map by `keys`, so that server-side apply merges it by entry."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def list_set() -> dict[str, Any]:
    """Mark a list as a set: the API server refuses duplicates."""
    return {"x-kubernetes-list-type": "set"}


def pending(waits_for: str) -> dict[str, Any]:
    """Keep a field out of every generated schema until it acts; `waits_for` says until when."""
    return {"x-steward-pending": waits_for}


def refers_to(kind: str) -> dict[str, Any]:
    """Say which kind a reference names: read by `steward validate`, the linter and the docs."""
    return {REFERS_TO: kind}


def boolean_because(reason: str) -> dict[str, Any]:
    """Say why a field is a boolean and not an enumeration; the linter asks for it."""
    return {"x-steward-boolean": reason}


def never_falls(field: str, because: str) -> Rule:
    """Say that an update may raise an integer and never lower it.

    The one kind of rule over `oldSelf` that the kinds have: it needs the object that was there, so
    `steward validate` leaves it to the API server.
    """
    return Rule(
        rule=f"self.{field} >= oldSelf.{field}",
        message=f"{field} must not become less, because {because}",
        field_path=f".{field}",
    )


NAME_RULE: Final = Rule(
    rule=f"self.metadata.name.size() <= {OBJECT_NAME_LENGTH_MAX}",
    message=(
        f"metadata.name must have at most {OBJECT_NAME_LENGTH_MAX} characters, "
        "because children are named after it"
    ),
)
"""Holds for every kind: children such as CronJobs have shorter names than their owner may have."""
LABEL_NAME_RULE: Final = Rule(
    rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message=(
        "metadata.name must start with a letter and hold only lower-case letters, digits and '-', "
        "because a Service is named after it"
    ),
)
"""Holds for Assistant: a Service name is an RFC 1035 label."""
FUNCTION_NAME_RULE: Final = Rule(
    rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    message=(
        "metadata.name must hold only lower-case letters, digits and '-', "
        "because models call the tool by it"
    ),
)
"""Holds for Tool: function names of OpenAI's API know no dot."""
