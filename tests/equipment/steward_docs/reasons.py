"""Reference page of conditions and reasons, and of the errors that the runtime answers with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from steward_api.reasons import REASON_MEANINGS, TYPE_MEANINGS
from steward_docs.kinds import HEADER
from steward_runtime import errors


def render_reasons() -> dict[str, str]:
    """Return the pages of conditions and of runtime errors."""
    return {"conditions.md": _render_conditions(), "errors.md": _render_errors()}


def _render_conditions() -> str:
    types = [f"| `{name}` | {meaning} |" for name, meaning in TYPE_MEANINGS.items()]
    reasons = [f"| `{name}` | {meaning} |" for name, meaning in REASON_MEANINGS.items()]
    return "\n".join(
        [
            HEADER,
            "# Conditions and reasons",
            "",
            "Every kind reports conditions in `status.conditions`; nothing else says how it is.",
            "A reason is a promise: it is never given a new meaning.",
            "",
            "## Types",
            "",
            "| type | when it is True |",
            "|---|---|",
            *types,
            "",
            "## Reasons",
            "",
            "| reason | meaning |",
            "|---|---|",
            *reasons,
            "",
        ]
    )


def _render_errors() -> str:
    rows = []
    for error in sorted(_errors(), key=lambda error: error.reason):
        repeating = "yes" if error.retryable else "no"
        rows.append(f"| `{error.reason}` | {error.status} | {repeating} | {_first(error)} |")
    return "\n".join(
        [
            HEADER,
            "# Errors of the runtime",
            "",
            "The runtime answers in OpenAI's shape: `{error: {message, type, param, code}}`.",
            "`code` is one of these. No answer holds a stack trace, or another subject's content.",
            "",
            "| code | HTTP status | worth repeating | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _errors() -> Iterator[type[errors.StewardError]]:
    members = [member for _, member in inspect.getmembers(errors, inspect.isclass)]
    bases = {base for member in members for base in member.__bases__}
    for member in members:
        # Subclasses elsewhere count only where they were imported, so we look at this module alone.
        if issubclass(member, errors.StewardError) and member not in bases:
            yield member


def _first(error: type[errors.StewardError]) -> str:
    return (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ")
