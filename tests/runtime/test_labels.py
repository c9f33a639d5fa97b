"""Labels: examples beside the laws in tests/properties/test_labels.py."""

from __future__ import annotations

from typing import Any

import pytest

from steward_runtime.labels import (
    DataClass,
    Integrity,
    Label,
    Sensitivity,
    join,
    parse_label,
    render_label,
)

PROMPT = Label(Integrity.SYSTEM, purpose=frozenset({"help"}), origin=frozenset({"prompt:desk"}))
SAID = Label(
    Integrity.USER,
    readers=frozenset({"alice"}),
    sensitivity=Sensitivity.INTERNAL,
    subjects=frozenset({"alice"}),
    purpose=frozenset({"help"}),
    retention=DataClass.CONVERSATIONS,
    origin=frozenset({"client:user"}),
)
FOUND = Label(
    Integrity.UNTRUSTED, sensitivity=Sensitivity.RESTRICTED, origin=frozenset({"tool:search"})
)


def test_a_reply_takes_the_worst_of_its_sources() -> None:
    """Prompt, user and an untrusted tool give an untrusted, restricted reply for one reader."""
    assert join(PROMPT, SAID, FOUND) == Label(
        Integrity.UNTRUSTED,
        readers=frozenset({"alice"}),
        sensitivity=Sensitivity.RESTRICTED,
        subjects=frozenset({"alice"}),
        purpose=frozenset({"help"}),
        retention=DataClass.CONVERSATIONS,
        origin=frozenset({"prompt:desk", "client:user", "tool:search"}),
    )


def test_integrity_is_ordered_as_documented() -> None:
    """System is above User, Trusted, Endorsed and Untrusted, in this order."""
    assert [each.title for each in sorted(Integrity, reverse=True)] == [
        "System",
        "User",
        "Trusted",
        "Endorsed",
        "Untrusted",
    ]


def test_renders_sorted_members_and_lists() -> None:
    """The canonical form is stable text."""
    assert render_label(SAID) == (
        b'{"integrity":"User","origin":["client:user"],"purpose":["help"],"readers":["alice"],'
        b'"retention":"Conversations","sensitivity":"Internal","subjects":["alice"]}'
    )


def test_an_origin_is_added_once() -> None:
    """Deriving by the same origin again changes nothing."""
    assert SAID.derived_by("model:m").derived_by("model:m").origin == {"client:user", "model:m"}


@pytest.mark.parametrize(
    "document", [{}, {"integrity": "User"}, [], None, {"integrity": "Godlike"}]
)
def test_refuses_what_is_no_label(document: Any) -> None:
    """A misshapen label is an error, never a default."""
    with pytest.raises(ValueError, match="label"):
        parse_label(document)
