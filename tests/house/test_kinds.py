"""Kinds: no cycle of references can be written, and what is generated is up to date."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

from steward_api.references import gather_reference_fields
from steward_api.v1alpha1 import KINDS
from steward_house.sources import gather_modules


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


def test_pending_fields_wait_for_a_real_cluster_only() -> None:
    """A field that does not act is not offered, and none waits for work that is done."""
    text = "".join(
        module.text for module in gather_modules() if module.name.startswith("steward_api.v1alpha1")
    )
    assert set(re.findall(r'pending\("([^"]+)"\)', text)) <= {"real cluster"}
