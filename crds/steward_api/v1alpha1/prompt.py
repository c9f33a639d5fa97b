"""Prompt: the text that becomes an assistant's system message, revised by digest."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from steward_api.meta import (
    NAME_RULE,
    Kind,
    KindNames,
    PrinterColumn,
    Rule,
    SchemaNode,
    Sha256Digest,
    Status,
    list_map,
)

TEMPLATE_LENGTH_MAX = 32_768
VARIABLE_PATTERN = "^[a-z][a-zA-Z0-9]*$"


class Variable(SchemaNode):
    """One declared variable of the template."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=VARIABLE_PATTERN)]
    """Name of the variable; the template uses it as `{{name}}`."""
    value: Annotated[str, StringConstraints(max_length=4_096)]
    """Text that replaces the variable."""


class PromptSpec(SchemaNode):
    """Template and variables. `{{assistant}}`, `{{purpose}}` and `{{owner}}` need no
    declaration.
    """

    template: Annotated[str, StringConstraints(min_length=1, max_length=TEMPLATE_LENGTH_MAX)]
    """Text of the system message with `{{variable}}` placeholders."""
    variables: Annotated[
        tuple[Variable, ...], Field(max_length=32, json_schema_extra=list_map("name"))
    ] = ()
    """Variables of the template; one that is used and not declared keeps the Prompt from being
    Accepted.
    """


class PromptStatus(Status):
    """What the operator saw of a Prompt."""

    digest: Sha256Digest | None = None
    """Digest of template and variables: the revision that `promptRef.digest` pins."""


class Prompt(Kind):
    """The system message of an assistant."""

    NAMES: ClassVar[KindNames] = KindNames("Prompt", "prompts", "prompt")
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Digest", ".status.digest"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    kind: Literal["Prompt"] = "Prompt"
    spec: PromptSpec
    status: PromptStatus = PromptStatus()
