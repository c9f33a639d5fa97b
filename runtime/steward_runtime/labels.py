"""Labels: what every value says about itself, and how labels join (pure).

One label drives injection policy, segmentation, retention, erasure and lineage, so a derived value
must carry the join of everything it was derived from. The join is a semilattice with `BOTTOM` as
its neutral element; `tests/properties/test_labels.py` holds the laws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import orjson

from steward_api.meta import Sensitivity
from steward_api.v1alpha1.retention_policy import DataClass

__all__ = [
    "BOTTOM",
    "DataClass",
    "Integrity",
    "Label",
    "Labeled",
    "Sensitivity",
    "check_flows_to",
    "digest_label",
    "join",
    "parse_label",
    "render_label",
]

T_co = TypeVar("T_co", covariant=True)

LABEL_CACHE_MAX: Final = 8_192
"""Rendered labels kept: a label names one subject and a few origins, about 300 bytes each."""


class Integrity(IntEnum):
    """How far a value may be trusted, in rising order; a join takes the lowest."""

    UNTRUSTED = 0
    ENDORSED = 1
    TRUSTED = 2
    USER = 3
    SYSTEM = 4

    @property
    def title(self) -> str:
        """Name as in the API, for example `Untrusted`."""
        return self.name.capitalize()


_INTEGRITY_BY_TITLE: Final = {member.title: member for member in Integrity}
_SENSITIVITY_RANK: Final = {member: rank for rank, member in enumerate(Sensitivity)}
_RETENTION_RANK: Final = {
    DataClass.AUDIT_DETAIL: 0,
    DataClass.TASKS: 1,
    DataClass.CONVERSATIONS: 2,
    DataClass.MEMORY: 3,
}
"""Rising closeness to a person. A stored value is re-labelled by `Label.stored_as`; the rank only
makes the join of values on their way a fixed function."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one value says about itself.

    Attributes:
        integrity: how far the value may be trusted.
        readers: pseudonyms that may see the value; None means everyone.
        sensitivity: how sensitive the value is.
        subjects: pseudonyms of the people whom the value is about.
        purpose: purposes that the value may be processed for; None means any.
        retention: class of data whose window governs the value.
        origin: where the value came from, for example `user`, `prompt:help`, `tool:lookup`.
    """

    integrity: Integrity
    readers: frozenset[str] | None = None
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    subjects: frozenset[str] = frozenset()
    purpose: frozenset[str] | None = None
    retention: DataClass = DataClass.AUDIT_DETAIL
    origin: frozenset[str] = frozenset()

    def stored_as(self, retention: DataClass) -> Label:
        """Return the same label under the class of data of the store that keeps the value."""
        return self if self.retention is retention else replace(self, retention=retention)

    def capped_at(self, integrity: Integrity) -> Label:
        """Return the same label with at most `integrity`."""
        return self if self.integrity <= integrity else replace(self, integrity=integrity)

    def derived_by(self, origin: str) -> Label:
        """Return the same label with one more origin."""
        return self if origin in self.origin else replace(self, origin=self.origin | {origin})

    def may_be_read_by(self, reader: str) -> bool:
        """Say whether the pseudonym `reader` may see the value."""
        return self.readers is None or reader in self.readers


@dataclass(frozen=True, slots=True)
class Labeled(Generic[T_co]):
    """A value and its label."""

    value: T_co
    label: Label


BOTTOM: Final = Label(Integrity.SYSTEM)
"""The neutral element of the join: it restricts nothing."""


def join(*labels: Label) -> Label:
    """Return the label of a value derived from values with `labels`.

    Lowest integrity, common readers and purposes, highest sensitivity, all subjects and origins.
    Without labels the result is `BOTTOM`.
    """
    if not labels:
        return BOTTOM
    result = labels[0]
    for label in labels[1:]:
        if label is not result:
            result = _join_two(result, label)
    return result


@lru_cache(maxsize=LABEL_CACHE_MAX)
def _join_two(left: Label, right: Label) -> Label:
    return Label(
        integrity=min(left.integrity, right.integrity),
        readers=_common(left.readers, right.readers),
        sensitivity=max(left.sensitivity, right.sensitivity, key=_SENSITIVITY_RANK.__getitem__),
        subjects=left.subjects | right.subjects,
        purpose=_common(left.purpose, right.purpose),
        retention=max(left.retention, right.retention, key=_RETENTION_RANK.__getitem__),
        origin=left.origin | right.origin,
    )


def check_flows_to(source: Label, target: Label) -> bool:
    """Say whether `target` restricts at least as much as `source`: the order of the lattice."""
    return _join_two(source, target) == target


@lru_cache(maxsize=LABEL_CACHE_MAX)
def render_label(label: Label) -> bytes:
    """Return the canonical JSON of a label: sorted keys, sorted lists, no spaces."""
    return orjson.dumps(
        {
            "integrity": label.integrity.title,
            "origin": sorted(label.origin),
            "purpose": _sorted_or_none(label.purpose),
            "readers": _sorted_or_none(label.readers),
            "retention": label.retention.value,
            "sensitivity": label.sensitivity.value,
            "subjects": sorted(label.subjects),
        },
        option=orjson.OPT_SORT_KEYS,
    )


@lru_cache(maxsize=LABEL_CACHE_MAX)
def digest_label(label: Label) -> bytes:
    """Return SHA-256 over the canonical JSON of a label (32 bytes)."""
    return hashlib.sha256(render_label(label)).digest()


def parse_label(document: Any) -> Label:
    """Read a label from its parsed canonical JSON.

    Raises:
        ValueError: if the document is no label.
    """
    try:
        return Label(
            integrity=_INTEGRITY_BY_TITLE[document["integrity"]],
            readers=_set_or_none(document["readers"]),
            sensitivity=Sensitivity(document["sensitivity"]),
            subjects=frozenset(document["subjects"]),
            purpose=_set_or_none(document["purpose"]),
            retention=DataClass(document["retention"]),
            origin=frozenset(document["origin"]),
        )
    except (KeyError, TypeError) as fault:
        raise ValueError("the document is no label: a member is missing or misshapen") from fault


def _common(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    if left is None:
        return right
    return left if right is None else left & right


def _sorted_or_none(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _set_or_none(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
