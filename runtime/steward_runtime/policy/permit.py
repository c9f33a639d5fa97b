"""Permit: the leave to do one thing, which only `policy.decide` can make (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from steward_runtime.labels import Label
from steward_runtime.turn.commands import CommandKind

ISSUER: Final = object()
"""Held by `policy.decide` alone; a house test refuses any other module that names it."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one effect.

    Attributes:
        kind: what may be done.
        target: tool, model call or memory that it is for.
        task_id: task in whose course it was given; empty for a direct call of the memory API.
        subject: pseudonym of the person for whom it is done, or None.
        label: label of what is sent.
        reason: why it was allowed, as in the audit record.
    """

    kind: CommandKind
    target: str
    task_id: str
    subject: str | None
    label: Label
    reason: str
    issuer: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.issuer is not ISSUER:
            raise TypeError("a Permit is made by policy.decide alone")

    def check_covers(self, kind: CommandKind, target: str) -> None:
        """Refuse to be used for anything else.

        Raises:
            PermissionError: if the permit is for another kind of effect or another target.
        """
        if self.kind is not kind or self.target != target:
            raise PermissionError(
                f"a permit for {self.kind} of {self.target} was shown for {kind} of {target}"
            )
