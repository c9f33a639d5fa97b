"""The stage of a scenario: shipped fake model, real HTTP tool, real memory, real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from steward_api.blueprint import Blueprint
from steward_api.v1alpha1.tool import Effect
from steward_core import Core, build_blueprint, build_tool, open_core
from steward_killpoints.killing import Watch, WatchedMemory, WatchedModel, WatchedTools
from steward_killpoints.scenarios import Scenario
from steward_runtime.clock import RandomIds, SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import ModelUnavailable
from steward_runtime.journal.journal import StepLog
from steward_runtime.memory.scope import ScopeCache
from steward_runtime.memory.store import MemorySettings, MemoryStore
from steward_runtime.models.fake import Calling, Failing, Line, Saying, ScriptedModel
from steward_runtime.storage.database import Database
from steward_runtime.tasks.ports import Memory
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.http import HttpPlumbing, HttpTool
from steward_runtime.tools.routes import Endpoint, resolve_route
from steward_runtime.turn.messages import ChatRequest, Role, ToolCall

KEY_HEADER: Final = "Idempotency-Key"
NOTES_FILE: Final = "effects.log"

TOOLS: Final = {
    "keyed-write": (Effect.WRITE, KEY_HEADER),
    "plain-write": (Effect.WRITE, None),
    "read": (Effect.READ, None),
}
"""Contracts under which the tool may stand."""


def build_stage_blueprint(scenario: Scenario, tool_kind: str) -> Blueprint:
    """Return the Blueprint of a scenario."""
    effect, key_header = TOOLS[tool_kind]
    if scenario is Scenario.CALL_DENIED:
        effect = Effect.DESTRUCTIVE
    path = "/refused" if scenario is Scenario.TOOL_REFUSES else "/lookup"
    tool = build_tool(
        "lookup", effect, url=f"http://tickets.example.com{path}", key_header=key_header
    )
    return build_blueprint(tool, has_memory=True)


def build_stage_model(scenario: Scenario) -> ScriptedModel:
    """Return the model: it asks for the tool once, then speaks, or fails."""

    def answer(request: ChatRequest) -> Line:
        if scenario is Scenario.MODEL_FAILS:
            return Failing(ModelUnavailable("model main is away: try again later"))
        if request.messages[-1].role is Role.TOOL:
            return Saying(("It is ", "open."))
        return Calling((ToolCall("call_1", "lookup", '{"ticket":"T-1"}'),))

    return ScriptedModel("main", answer)


@asynccontextmanager
async def open_stage(
    directory: Path,
    port: int,
    scenario: Scenario,
    *,
    tool_kind: str = "keyed-write",
    dies_after: str = "",
    wrap_journal: Callable[[StepLog], StepLog] | None = None,
) -> AsyncIterator[Core]:
    """Open the core of a scenario on a folder; its file `effects.log` names every effect."""
    blueprint = build_stage_blueprint(scenario, tool_kind)
    watch = Watch(partial(_note, directory / NOTES_FILE), dies_after)

    def build_memory(database: Database, keyring: Keyring) -> Memory:
        settings = MemorySettings(blueprint.memory)
        store = MemoryStore(
            database, keyring, lambda: settings, SystemClock(), RandomIds(), ScopeCache()
        )
        return WatchedMemory(store, watch)

    tool = blueprint.tools[0]
    route = resolve_route(tool.url, {"tickets.example.com": f"127.0.0.1:{port}"})
    async with open_session([Endpoint("127.0.0.1", port)], reuse=False) as session:
        plumbing = HttpPlumbing(session, route, dict, dict)
        async with open_core(
            directory,
            blueprint,
            WatchedModel(build_stage_model(scenario), watch),
            tools=WatchedTools(HttpTool(tool, plumbing), watch),
            build_memory=build_memory,
            wrap_journal=wrap_journal,
        ) as core:
            yield core


def _note(path: Path, line: str) -> None:
    with path.open("a") as file:  # closed at once, so that the line outlives a kill
        file.write(line + "\n")
