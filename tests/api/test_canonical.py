"""One text for one document, and no float in any of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_api.canonical import digest_of, render_canonical

scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(documents)
def test_reading_it_back_gives_the_document(document: Any) -> None:
    """Nothing is lost, and the text of what was read is the same."""
    try:
        text = render_canonical(document)
    except UnicodeEncodeError:
        return
    assert json.loads(text) == document
    assert render_canonical(json.loads(text)) == text


@pytest.mark.parametrize("number", [1.5, 1.0, -0.0, 1e300, 1e-7])
def test_a_float_is_refused_wherever_it_is(number: float) -> None:
    """Two libraries may write one float in two ways."""
    for document in (number, [number], {"a": [{"b": number}]}):
        with pytest.raises(ValueError, match="integers, not floats"):
            render_canonical(document)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(number: float) -> None:
    """Neither NaN nor an infinity has a canonical form."""
    with pytest.raises(ValueError, match="JSON"):
        render_canonical({"a": number})


def test_text_that_looks_like_a_float_is_text() -> None:
    """Strings and keys are never numbers."""
    assert render_canonical({"1.5": "2.5e3"}) == b'{"1.5":"2.5e3"}'
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
