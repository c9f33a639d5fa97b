"""RetentionPolicy: how long each class of data is kept, and how often it is purged."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from steward_api.meta import (
    NAME_RULE,
    DataClass,
    Kind,
    KindNames,
    LabelName,
    PrinterColumn,
    Rule,
    SchemaNode,
    Status,
    list_map,
)

__all__ = [
    "Backup",
    "DataClass",
    "Hold",
    "Purge",
    "RetentionPolicy",
    "RetentionPolicySpec",
    "Window",
]


class Window(SchemaNode):
    """How long one class of data is kept."""

    data_class: Annotated[DataClass, Field(alias="class")]
    """Class of data."""
    keep_seconds: Annotated[int, Field(ge=60, le=3_153_600_000)]
    """Seconds after the last change before the data is purged."""


class Hold(SchemaNode):
    """A class of data that must not be purged for now, for example by order of a court."""

    name: LabelName
    """Name of the hold, shown in receipts."""
    data_class: Annotated[DataClass, Field(alias="class")]
    """Class of data that is held."""


class Backup(SchemaNode):
    """A backup outside Steward that keeps copies for a time."""

    name: LabelName
    """Name of the backup, shown in receipts."""
    keep_seconds: Annotated[int, Field(ge=60, le=3_153_600_000)]
    """Seconds that the backup keeps a copy; a receipt states when the last copy is gone."""


class Purge(SchemaNode):
    """When purging runs."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.intervalMinutes <= 60 ? 60 % self.intervalMinutes == 0 "
            ": self.intervalMinutes % 60 == 0 && 1440 % self.intervalMinutes == 0",
            "intervalMinutes must divide 60, or be whole hours that divide a day",
            ".intervalMinutes",
        ),
    )

    interval_minutes: Annotated[int, Field(ge=1, le=1_440)] = 60
    """Minutes between purge runs; the first minute is derived from the Assistant's uid."""


class RetentionPolicySpec(SchemaNode):
    """One window per class of data, holds and the purge schedule."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "['Conversations', 'Tasks', 'Memory', 'AuditDetail']"
            ".all(c, self.windows.exists(w, w.class == c))",
            "windows must name each of Conversations, Tasks, Memory and AuditDetail",
            ".windows",
        ),
        Rule(
            "self.windows.all(t, t.class != 'Tasks' || self.windows.all(c, "
            "c.class != 'Conversations' || t.keepSeconds <= c.keepSeconds))",
            "keepSeconds of Tasks must not exceed that of Conversations, "
            "because a task's journal holds words of its conversation",
            ".windows",
        ),
    )

    windows: Annotated[
        tuple[Window, ...], Field(min_length=4, max_length=4, json_schema_extra=list_map("class"))
    ]
    """One window per class of data; a class without window would be kept for ever."""
    holds: Annotated[
        tuple[Hold, ...],
        Field(max_length=32, json_schema_extra=list_map("name")),
    ] = ()
    """Classes of data that must not be purged for now."""
    backups: Annotated[
        tuple[Backup, ...],
        Field(max_length=16, json_schema_extra=list_map("name")),
    ] = ()
    """Backups outside Steward, stated in every receipt."""
    purge: Purge = Purge()
    """When purging runs."""


class RetentionPolicy(Kind):
    """How long data is kept, and proof that it went."""

    NAMES: ClassVar[KindNames] = KindNames(
        "RetentionPolicy", "retentionpolicies", "retentionpolicy"
    )
    COLUMNS: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
        PrinterColumn("Every", ".spec.purge.intervalMinutes", type="integer"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    )
    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    kind: Literal["RetentionPolicy"] = "RetentionPolicy"
    spec: RetentionPolicySpec
    status: Status = Status()
