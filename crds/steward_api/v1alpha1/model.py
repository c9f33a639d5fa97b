"""Model: an endpoint that answers chat completions or makes embeddings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from steward_api.meta import (
    HTTP_URL_PATTERN,
    NAME_RULE,
    SECRET_KIND,
    URL_LENGTH_MAX,
    Kind,
    KindNames,
    PrinterColumn,
    Rule,
    SchemaNode,
    SecretRef,
    Status,
    list_set,
    refers_to,
)

LOCAL_CHAT_MODEL: Final = "smollm2-135m-instruct"
LOCAL_EMBEDDING_MODEL: Final = "multilingual-e5-small"


class ModelType(StrEnum):
    """Where the model runs."""

    OPENAI = "OpenAI"
    LOCAL = "Local"


class Ability(StrEnum):
    """What a model can be asked for."""

    CHAT = "Chat"
    EMBEDDINGS = "Embeddings"


class ToolCalling(StrEnum):
    """How a model is asked to choose a tool."""

    NATIVE = "Native"
    CONSTRAINED = "Constrained"


class OpenAIEndpoint(SchemaNode):
    """An endpoint that speaks OpenAI's HTTP API."""

    base_url: Annotated[
        str, StringConstraints(min_length=8, max_length=URL_LENGTH_MAX, pattern=HTTP_URL_PATTERN)
    ]
    """Base URL up to and including the version, for example https://models.example.com/v1."""
    credential_secret_ref: Annotated[
        SecretRef | None, Field(json_schema_extra=refers_to(SECRET_KIND))
    ] = None
    """Secret whose key `token` is sent as bearer token, only to the hosts in its key `hosts`."""


class ModelSpec(SchemaNode):
    """Where the model is, what it can do and how long it may take."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.type == 'OpenAI') == has(self.openAI)",
            "openAI must be set when type is OpenAI, and only then",
            ".openAI",
        ),
        Rule(
            "self.type != 'Local' || self.modelName == "
            f"('Embeddings' in self.abilities ? '{LOCAL_EMBEDDING_MODEL}' : '{LOCAL_CHAT_MODEL}')",
            "modelName of a Local model must be "
            f"{LOCAL_CHAT_MODEL} for Chat or {LOCAL_EMBEDDING_MODEL} for Embeddings",
            ".modelName",
        ),
        Rule(
            "self.type != 'Local' || self.abilities.size() == 1",
            "abilities of a Local model must hold one value; declare a Model for each",
            ".abilities",
        ),
    )

    type: ModelType
    """OpenAI for any endpoint with OpenAI's API; Local for the bundled models of `steward up`."""
    model_name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Name of the model at its endpoint."""
    open_ai: Annotated[OpenAIEndpoint | None, Field(alias="openAI")] = None
    """The endpoint; set when type is OpenAI."""
    abilities: Annotated[
        tuple[Ability, ...], Field(min_length=1, max_length=2, json_schema_extra=list_set())
    ] = (Ability.CHAT,)
    """What the model may be used for."""
    tool_calling: ToolCalling = ToolCalling.NATIVE
    """Native sends `tools`; Constrained asks for JSON by schema, for models that call no tools."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 60
    """Seconds that one call may take before the next model in order is tried."""
    context_tokens: Annotated[int, Field(ge=512, le=2_000_000)] = 8_192
    """Tokens that fit into one call; older messages are left out first (1 token counted per 4
    bytes).
    """
    max_output_tokens: Annotated[int, Field(ge=16, le=131_072)] = 1_024
    """Tokens that one reply may have."""


class Model(Kind):
    """A model endpoint."""

    NAMES: ClassVar[KindNames] = KindNames("Model", "models", "model")
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Type", ".spec.type"),
        PrinterColumn("Model", ".spec.modelName"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        PrinterColumn("URL", ".spec.openAI.baseUrl", priority=1),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    kind: Literal["Model"] = "Model"
    spec: ModelSpec
    status: Status = Status()
