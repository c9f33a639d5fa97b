"""Render a prompt template (pure).

One pass, no expressions and no nesting: the value of a variable is never searched for further
variables, so that text in a variable cannot reach another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from steward_runtime.errors import BlueprintRefused

PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z][a-zA-Z0-9]*)\s*\}\}")
"""`{{name}}` with optional spaces; anything else in braces is plain text."""


class PromptVariableUnknown(BlueprintRefused):
    """A template uses a variable that is not declared; `names` are the variables, never text."""

    reason = "PromptVariableUnknown"

    def __init__(self, prompt: str, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(
            f"Prompt {prompt} uses undeclared variables: {', '.join(names)}. "
            "Declare them under spec.variables or remove them from spec.template."
        )


def render_prompt(prompt: str, template: str, variables: Iterable[tuple[str, str]]) -> str:
    """Replace every `{{variable}}` of the template by its value.

    Raises:
        PromptVariableUnknown: if the template uses a variable that `variables` lacks.
    """
    values = dict(variables)
    used = dict.fromkeys(PLACEHOLDER.findall(template))
    unknown = tuple(name for name in used if name not in values)
    if unknown:
        raise PromptVariableUnknown(prompt, unknown)
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)
