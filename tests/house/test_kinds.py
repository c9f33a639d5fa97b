"""Kinds: no cycle of references can be written, and what is generated is up to date."""

from __future__ import annotations

from graphlib import TopologicalSorter

from steward_api.references import gather_reference_fields
from steward_api.v1alpha1 import KINDS


def test_references_between_kinds_form_no_cycle() -> None:
    """A cycle of objects would need a cycle of kinds, so there is none to be written."""
    graph = {
        kind.NAMES.kind: {field.kind for field in gather_reference_fields(kind)} for kind in KINDS
    }
    order = tuple(TopologicalSorter(graph).static_order())
    assert set(order) >= set(graph)


def test_references_name_kinds_that_exist() -> None:
    """A reference names one of our kinds or a Secret."""
    known = {kind.NAMES.kind for kind in KINDS} | {"Secret"}
    named = {field.kind for kind in KINDS for field in gather_reference_fields(kind)}
    assert named <= known
