"""Runs a health script as Argo CD does: Lua 5.1, the object as a table, few libraries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lupa import lua51

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = REPOSITORY / "charts" / "steward" / "argocd"
SCRIPT = FOLDER / "health.lua"
ALLOWED = ("ipairs", "type")
"""All that our script may use of Lua's libraries; Argo CD offers some more, but not all."""


class Health(StrEnum):
    """What Argo CD takes for the health of an object."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the script said of an object."""

    health: Health
    message: str


class HealthScript:
    """One script; every question runs it anew, with an environment of its own."""

    def __init__(self, text: str) -> None:
        """Keep the text.

        Raises:
            ValueError: It is not Lua 5.1.
        """
        self._lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
        names = self._lua.globals()
        self._environment = {name: names[name] for name in ALLOWED}
        self._set_environment = names["setfenv"]
        loaded = names["loadstring"](text)
        self._compiled, fault = loaded if isinstance(loaded, tuple) else (loaded, None)
        if fault is not None:
            raise ValueError(f"not Lua 5.1: {fault}")

    def judge(self, document: Any) -> Verdict:
        """Return what the script says of a JSON document, as Argo CD would read its answer.

        Raises:
            lupa.lua51.LuaError: The script failed.
            ValueError: Argo CD would not understand the answer.
        """
        environment = self._lua.table_from(self._environment)
        environment["obj"] = self._build_value(document)
        self._set_environment(self._compiled, environment)
        answer = dict(self._compiled().items())
        if answer.keys() != {"status", "message"} or not isinstance(answer["message"], str):
            raise ValueError(f"not a health: {json.dumps(answer, default=str)}")
        return Verdict(Health(answer["status"]), answer["message"])

    def _build_value(self, document: Any) -> Any:
        """Return a JSON value as Lua has it: null is nil, a list is a table that counts from 1."""
        if isinstance(document, dict):
            items = {key: self._build_value(value) for key, value in document.items()}
            return self._lua.table_from(items)
        if isinstance(document, list):
            return self._lua.table_from([self._build_value(value) for value in document])
        return document


def read_script() -> HealthScript:
    """Return the script that the chart ships."""
    return HealthScript(SCRIPT.read_text(encoding="utf-8"))
