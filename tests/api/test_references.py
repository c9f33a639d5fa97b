"""References: which field names which kind, and the names that an object gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward_api.references import Reference, gather_reference_fields, gather_references
from steward_api.v1alpha1 import KINDS, Assistant, MemoryPolicy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "promptRef", "modelRefs", "name"]), inner)
    ),
    max_leaves=12,
)


def test_lists_every_reference_of_a_kind() -> None:
    """An Assistant names objects of five of our kinds, and a Secret."""
    fields = {".".join(field.path): field.kind for field in gather_reference_fields(Assistant)}
    assert fields == {
        "spec.promptRef": "Prompt",
        "spec.modelRefs.[]": "Model",
        "spec.toolRefs.[]": "Tool",
        "spec.memoryPolicyRef": "MemoryPolicy",
        "spec.retentionPolicyRef": "RetentionPolicy",
        "spec.authentication.keysSecretRef": "Secret",
    }


def test_finds_names_with_their_place() -> None:
    """A reference inside a list is found by its index."""
    document = {"spec": {"modelRefs": [{"name": "a"}, {"name": "b"}], "promptRef": {"name": "p"}}}
    assert gather_references(Assistant, document) == (
        Reference(("spec", "promptRef", "name"), "Prompt", "p"),
        Reference(("spec", "modelRefs", 0, "name"), "Model", "a"),
        Reference(("spec", "modelRefs", 1, "name"), "Model", "b"),
    )


def test_finds_references_below_optional_objects() -> None:
    """The embedder of a MemoryPolicy is a Model."""
    document = {"spec": {"recall": {"embedderRef": {"name": "e"}}}}
    found = gather_references(MemoryPolicy, document)
    assert found == (Reference(("spec", "recall", "embedderRef", "name"), "Model", "e"),)


@given(JSON)
def test_passes_over_what_has_another_shape(document: Any) -> None:
    """Whatever a file holds, looking for references never fails."""
    for kind in KINDS:
        gather_references(kind, document)
