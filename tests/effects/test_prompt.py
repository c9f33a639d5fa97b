"""What the fields of a Prompt do, seen by the model."""

from __future__ import annotations

from steward_effects import Chain, assistant_set
from steward_kinds.objects import build_object
from steward_model_server import Say


def told_by(chain: Chain, template: str, *variables: dict[str, str]) -> str:
    """Return the system message that a template makes."""
    chain.play(Say("Hi"))
    prompt = build_object("Prompt", "p", template=template, variables=list(variables))
    with chain.serve(*assistant_set(prompt)) as desk:
        desk.ask()
    return chain.system_message()


def test_template_is_the_system_message(chain: Chain) -> None:
    """The text reaches the model as it is."""
    assert told_by(chain, "Speak like a clerk.") == "Speak like a clerk."


def test_a_variable_is_found_by_its_name(chain: Chain) -> None:
    """A placeholder is replaced by the variable of that name."""
    told = told_by(
        chain, "{{team}}.", {"name": "team", "value": "Blue"}, {"name": "city", "value": "Rome"}
    )
    assert told == "Blue."


def test_value_takes_the_place_of_a_variable(chain: Chain) -> None:
    """The value is what the model reads."""
    told = told_by(chain, "You work for {{team}}.", {"name": "team", "value": "the blue team"})
    assert told == "You work for the blue team."
