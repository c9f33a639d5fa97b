"""Prompt: is it usable, which revision it is, and what its status says."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from steward_api.canonical import digest_of
from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_api.v1alpha1 import Assistant, Prompt
from steward_api.v1alpha1.prompt import PromptStatus
from steward_operator.plan.own_status import plan_own_status
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings

PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z][a-zA-Z0-9]*)\s*\}\}")
"""`{{name}}` with optional spaces; the runtime replaces exactly these."""
BUILT_IN: Final = ("assistant", "owner", "purpose")
"""Variables that need no declaration; a declared one of the same name wins."""


def plan_prompt(prompt: Prompt, *, now: datetime, settings: OperatorSettings) -> Plan:
    """Plan the status of a Prompt: accepted or not, and its digest in both cases."""
    return plan_own_status(
        prompt,
        check_prompt(prompt, settings),
        now=now,
        fields=PromptStatus(digest=digest_of_prompt(prompt)),
    )


def check_prompt(prompt: Prompt, settings: OperatorSettings) -> tuple[Problem, ...]:
    """Return what keeps a Prompt from being accepted."""
    del settings  # every check of one object has the same arguments
    known = {variable.name for variable in prompt.spec.variables} | set(BUILT_IN)
    unknown = sorted(set(PLACEHOLDER.findall(prompt.spec.template)) - known)
    if not unknown:
        return ()
    message = f"uses undeclared variables: {', '.join(unknown)}; declare them in spec.variables"
    return (Problem("spec.template", Reason.VARIABLE_UNDECLARED, message),)


def digest_of_prompt(prompt: Prompt) -> str:
    """Return the digest of template and declared variables, whose order does not matter."""
    variables = sorted([variable.name, variable.value] for variable in prompt.spec.variables)
    return digest_of({"template": prompt.spec.template, "variables": variables})


def resolve_variables(prompt: Prompt, assistant: Assistant) -> tuple[tuple[str, str], ...]:
    """Return declared and built-in variables, sorted by name."""
    values = {
        "assistant": assistant.metadata.name,
        "owner": assistant.spec.owner,
        "purpose": assistant.spec.purpose,
        **{variable.name: variable.value for variable in prompt.spec.variables},
    }
    return tuple(sorted(values.items()))
