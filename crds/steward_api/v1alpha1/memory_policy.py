"""MemoryPolicy: what an assistant remembers across conversations, split by domain and
sensitivity.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from steward_api.meta import (
    NAME_RULE,
    Kind,
    KindNames,
    LabelName,
    LocalRef,
    PrinterColumn,
    Rule,
    SchemaNode,
    Sensitivity,
    Status,
    list_map,
    refers_to,
)


class WriteRule(StrEnum):
    """What is written into a segment."""

    USER_MESSAGES = "UserMessages"
    EXPLICIT = "Explicit"


class RecallMode(StrEnum):
    """How records are found."""

    LEXICAL = "Lexical"
    HYBRID = "Hybrid"


class Segment(SchemaNode):
    """One part of memory; its records are encrypted under a key of their own per subject."""

    name: LabelName
    """Name of the segment."""
    domain: LabelName
    """Domain of the records, for example support; records of one domain share a key class."""
    sensitivity: Sensitivity
    """Sensitivity of the records, carried into every reply that recalls one."""
    write: WriteRule = WriteRule.EXPLICIT
    """UserMessages keeps what the user says; Explicit keeps only what /v1/memories is given."""
    max_records: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Records per subject; the oldest goes when one more is written."""
    recall_records: Annotated[int, Field(ge=0, le=64)] = 5
    """Records that one turn may recall from this segment."""
    recall_characters: Annotated[int, Field(ge=0, le=65_536)] = 2_000
    """Characters of recalled records that one turn may put before the model."""


class Recall(SchemaNode):
    """How records are found."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.mode == 'Hybrid') == has(self.embedderRef)",
            "embedderRef must be set when mode is Hybrid, and only then",
            ".embedderRef",
        ),
    )

    mode: RecallMode = RecallMode.LEXICAL
    """Lexical ranks by words; Hybrid by words and by meaning."""
    embedder_ref: Annotated[LocalRef | None, Field(json_schema_extra=refers_to("Model"))] = None
    """Model with ability Embeddings; set when mode is Hybrid."""


class MemoryPolicySpec(SchemaNode):
    """Segments of memory and how they are searched."""

    segments: Annotated[
        tuple[Segment, ...], Field(min_length=1, max_length=16, json_schema_extra=list_map("name"))
    ]
    """Segments of memory."""
    recall: Recall = Recall()
    """How records are found."""


class MemoryPolicy(Kind):
    """What is remembered, and how it is found again."""

    NAMES: ClassVar[KindNames] = KindNames("MemoryPolicy", "memorypolicies", "memorypolicy")
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Recall", ".spec.recall.mode"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    kind: Literal["MemoryPolicy"] = "MemoryPolicy"
    spec: MemoryPolicySpec
    status: Status = Status()
