"""Tool: something an assistant may call, under a contract that says what a call does."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from steward_api.meta import (
    FUNCTION_NAME_RULE,
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
    Sensitivity,
    Status,
    refers_to,
)

JsonSchema = Annotated[
    dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]
"""A JSON Schema (draft 2020-12); over 16 KiB the Tool is not Accepted."""


class ToolType(StrEnum):
    """How a tool is reached."""

    HTTP = "HTTP"


class HttpMethod(StrEnum):
    """Method of an HTTP tool. GET and DELETE send arguments as query, the others as JSON body."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Effect(StrEnum):
    """What a call does to the world."""

    READ = "Read"
    WRITE = "Write"
    EGRESS = "Egress"
    DESTRUCTIVE = "Destructive"


class ResultIntegrity(StrEnum):
    """How far a tool's result may be trusted."""

    TRUSTED = "Trusted"
    ENDORSED = "Endorsed"
    UNTRUSTED = "Untrusted"


class HttpEndpoint(SchemaNode):
    """An HTTP request; only the host of `url` is ever contacted, and redirects are refused."""

    url: Annotated[
        str, StringConstraints(min_length=8, max_length=URL_LENGTH_MAX, pattern=HTTP_URL_PATTERN)
    ]
    """Absolute URL; `{argument}` in the path is replaced by that argument."""
    method: HttpMethod = HttpMethod.POST
    """HTTP method."""
    credential_secret_ref: Annotated[
        SecretRef | None, Field(json_schema_extra=refers_to(SECRET_KIND))
    ] = None
    """Secret whose key `token` is sent as bearer token, only to the hosts in its key `hosts`."""


class ToolResult(SchemaNode):
    """The label that a result carries."""

    integrity: ResultIntegrity = ResultIntegrity.UNTRUSTED
    """How far the result may be trusted."""
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    """How sensitive the result is; the reply that used it is at least as sensitive."""


class Contract(SchemaNode):
    """What a call does, how often it may happen and what its result is worth."""

    effect: Effect
    """Read may be repeated freely; Write and Egress act once; Destructive waits for a review."""
    idempotency_key_header: Annotated[
        str | None,
        Field(min_length=1, max_length=64, pattern="^[A-Za-z][A-Za-z0-9-]*$"),
    ] = None
    """Header that carries a stable key per call, so that the tool can recognise a repetition."""
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds that one call may take."""
    calls_per_turn: Annotated[int, Field(ge=1, le=64)] = 8
    """Calls of this tool in one turn; one more is refused."""
    response_bytes: Annotated[int, Field(ge=64, le=4_194_304)] = 65_536
    """Bytes of a response; a larger one is refused."""
    result: ToolResult = ToolResult()
    """Label of the result."""


class ToolSpec(SchemaNode):
    """What the tool does, where it is and what a call takes and returns."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.type == 'HTTP') == has(self.http)",
            "http must be set when type is HTTP, and only then",
            ".http",
        ),
    )

    description: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
    """What the tool does, told to the model."""
    type: ToolType
    """Adapter of the tool."""
    http: HttpEndpoint | None = None
    """The HTTP request; set when type is HTTP."""
    input_schema: JsonSchema
    """JSON Schema of the arguments; a call whose arguments do not match is refused before it is
    made.
    """
    output_schema: JsonSchema | None = None
    """JSON Schema of the result; a result that does not match is refused."""
    contract: Contract | None = None
    """Contract of the tool. Without it a call counts as Destructive and waits for a review."""


class Tool(Kind):
    """A tool under contract."""

    NAMES: ClassVar[KindNames] = KindNames("Tool", "tools", "tool")
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Type", ".spec.type"),
        PrinterColumn("Effect", ".spec.contract.effect"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        PrinterColumn("URL", ".spec.http.url", priority=1),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE, FUNCTION_NAME_RULE)

    kind: Literal["Tool"] = "Tool"
    spec: ToolSpec
    status: Status = Status()
