"""The Blueprint: one immutable document with everything a runtime needs to serve one assistant.

Compiled by the operator (in a cluster, for `steward render` and for `steward up` alike) and read
by the runtime.
It holds no secret, no uid, no namespace and no host that differs between a laptop and a cluster,
so its digest is the
same in both: secrets are file names below the credentials directory, identity is in `Trust`, local
addresses are in
`Bindings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from steward_api.canonical import digest_of_bytes, render_canonical
from steward_api.meta import Frozen, Sensitivity
from steward_api.v1alpha1.memory_policy import RecallMode, WriteRule
from steward_api.v1alpha1.model import ModelType, ToolCalling
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.v1alpha1.tool import Effect, HttpMethod, ResultIntegrity, ToolType

SCHEMA_VERSION: Final = 1
"""Raised when a runtime of today could misread the document; a runtime refuses a version it
does not know.
"""
BLUEPRINT_BYTES_MAX: Final = 900 * 1024
"""A ConfigMap holds 1 MiB at most; the rest is left for metadata."""
TOOL_SCHEMA_BYTES_MAX: Final = 16 * 1024

BLUEPRINT_FILE: Final = "blueprint.json"
TRUST_FILE: Final = "trust.json"
BINDINGS_FILE: Final = "bindings.json"


class BlueprintPrompt(Frozen):
    """The system message: template and variables of one Prompt revision."""

    name: str
    digest: str
    """Digest of template and declared variables, as in the Prompt's status."""
    template: str
    variables: tuple[tuple[str, str], ...]
    """Declared and built-in variables, sorted by name."""


class BlueprintModel(Frozen):
    """One model; `credential` names a directory below the credentials directory."""

    name: str
    type: ModelType
    model_name: str
    base_url: str | None = None
    """None for a Local model: `Bindings.models` says where it listens."""
    credential: str | None = None
    tool_calling: ToolCalling
    request_timeout_seconds: int
    context_tokens: int
    max_output_tokens: int


class BlueprintContract(Frozen):
    """Contract of a tool; `declared` is false where the Tool has none and the safest one is
    assumed.
    """

    declared: bool
    effect: Effect
    idempotency_key_header: str | None = None
    timeout_seconds: int
    calls_per_turn: int
    response_bytes: int
    integrity: ResultIntegrity
    sensitivity: Sensitivity


class BlueprintTool(Frozen):
    """One tool that the assistant may call."""

    name: str
    digest: str
    """Digest of the Tool's spec: its version in journal and audit."""
    description: str
    type: ToolType
    url: str
    method: HttpMethod
    credential: str | None = None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    contract: BlueprintContract


class BlueprintSegment(Frozen):
    """One segment of memory."""

    name: str
    domain: str
    sensitivity: Sensitivity
    write: WriteRule
    max_records: int
    recall_records: int
    recall_characters: int


class BlueprintMemory(Frozen):
    """Memory across conversations."""

    policy: str
    policy_digest: str
    segments: tuple[BlueprintSegment, ...]
    recall_mode: RecallMode
    embedder: BlueprintModel | None = None


class BlueprintWindow(Frozen):
    """How long one class of data is kept."""

    data_class: Annotated[DataClass, Field(alias="class")]
    keep_seconds: int


class BlueprintHold(Frozen):
    """A class of data that is not purged for now."""

    name: str
    data_class: Annotated[DataClass, Field(alias="class")]


class BlueprintBackup(Frozen):
    """A backup that a receipt must state."""

    name: str
    keep_seconds: int


class BlueprintRetention(Frozen):
    """Windows, holds and backups of one RetentionPolicy."""

    policy: str
    policy_digest: str
    windows: tuple[BlueprintWindow, ...]
    holds: tuple[BlueprintHold, ...] = ()
    backups: tuple[BlueprintBackup, ...] = ()


class BlueprintLimits(Frozen):
    """Bounds on work."""

    requests_per_minute: int
    concurrent_tasks: int
    queued_tasks: int
    turn_deadline_seconds: int
    model_calls_per_turn: int
    request_bytes: int


class Blueprint(Frozen):
    """Everything that one assistant's runtime needs; see the module."""

    schema_version: Literal[1] = SCHEMA_VERSION
    assistant: str
    purpose: str
    owner: str
    prompt: BlueprintPrompt
    models: tuple[BlueprintModel, ...]
    """Chat models in fail-over order."""
    tools: tuple[BlueprintTool, ...]
    memory: BlueprintMemory | None = None
    retention: BlueprintRetention
    bound_keys: str | None = None
    """Directory of bound keys below the credentials directory."""
    limits: BlueprintLimits

    @cached_property
    def canonical(self) -> bytes:
        """The canonical bytes, made once: one plan asks for them six times."""
        return render_canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def render(self) -> bytes:
        """Return the canonical bytes: the content of `blueprint.json`."""
        return self.canonical

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of `render()`."""
        return digest_of_bytes(self.canonical)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, which has canonical bytes of its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("canonical", None)
        return copied


class TrustedKey(Frozen):
    """One Ed25519 public key of an operator."""

    key_id: str
    """First 16 hex digits of SHA-256 over the raw public key."""
    public_key: str
    """Raw 32 bytes, base64."""


class Denial(Frozen):
    """Why the runtime takes no new work at present, although the Blueprint could be served."""

    reason: str
    """CamelCase reason of the Assistant's condition, for example `RetentionPolicyMissing`."""
    message: str
    """A sentence for users, without content; the error's code is `PolicyMissing`."""


class Trust(Frozen):
    """Who this runtime is and whose orders it takes: the content of `trust.json`, outside the
    digest.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    namespace: str
    assistant: str
    uid: str
    """Uid of the Assistant: the audience of tokens."""
    operator_keys: tuple[TrustedKey, ...] = ()
    denial: Denial | None = None
    """Set while a policy that the Assistant refers to is missing. Purging goes on."""


class ModelSubstitute(Frozen):
    """What the user's own endpoint changes about one Model on this machine."""

    model_name: str
    """Name of the model at that endpoint."""
    credential: str | None = None
    """Directory below the credentials directory; its `hosts` names the endpoint alone."""
    tool_calling: ToolCalling = ToolCalling.NATIVE


class Bindings(Frozen):
    """Where logical hosts listen on this machine: the content of `bindings.json`, read with
    `--local` only.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    hosts: dict[str, str] = Field(default_factory=dict)
    """Host or host:port of a URL in the Blueprint, to a loopback `address:port`."""
    models: dict[str, str] = Field(default_factory=dict)
    """Name of a Model (Local, or replaced by the user's endpoint), to its base URL."""
    model_substitutes: dict[str, ModelSubstitute] = Field(default_factory=dict)
    """Name of a Model replaced by the user's endpoint, to what that changes besides the URL."""
