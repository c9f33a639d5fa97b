"""Rendering of prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.prompts.render import PromptVariableUnknown, render_prompt


def test_replaces_every_use_of_a_variable() -> None:
    """A variable may be used twice and with spaces inside the braces."""
    text = render_prompt("p", "{{a}} and {{ a }} for {{b}}", [("a", "x"), ("b", "y")])
    assert text == "x and x for y"


def test_leaves_other_braces_alone() -> None:
    """JSON and other templates in the text stay as they are."""
    template = '{"a": {"b": 1}} {{A}} {{ }} {{a-b}} {x}'
    assert render_prompt("p", template, []) == template


def test_does_not_look_for_variables_inside_values() -> None:
    """A value that looks like a variable is plain text."""
    assert render_prompt("p", "{{a}}", [("a", "{{b}}"), ("b", "secret")]) == "{{b}}"


def test_refuses_an_undeclared_variable_by_name() -> None:
    """The error names the prompt and every unknown variable, once each, and no other text."""
    with pytest.raises(PromptVariableUnknown) as refusal:
        render_prompt("greeting", "hidden {{x}} {{y}} {{x}}", [])
    assert refusal.value.names == ("x", "y")
    assert "greeting" in str(refusal.value)
    assert "hidden" not in str(refusal.value)


@given(value=st.text(max_size=40))
def test_puts_any_value_in_unchanged(value: str) -> None:
    """No character of a value is special, whatever it is."""
    assert render_prompt("p", "<{{v}}>", [("v", value)]) == f"<{value}>"
