"""What a task is pinned to, and what is always the newest.

Prompt, models and tool schemas are those of the Blueprint that the task began with; contracts,
limits and whether there is memory at all are those of the Blueprint that is served now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import orjson
from pydantic import ValidationError

from steward_api.blueprint import Blueprint, BlueprintContract, BlueprintModel, BlueprintTool
from steward_api.v1alpha1.tool import Effect
from steward_runtime.errors import BlueprintRefused
from steward_runtime.policy.decide import ContractFacts
from steward_runtime.prompts.render import render_prompt
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.ports import Adapters
from steward_runtime.tasks.schemas import ToolSchemas
from steward_runtime.turn.context import BYTES_PER_TOKEN
from steward_runtime.turn.intake import label_prompt
from steward_runtime.turn.messages import Message, ToolOffer
from steward_runtime.turn.state import TurnSetting

PINS_CACHED_MAX: Final = 8
"""Blueprints kept beside the newest: only tasks that a restart interrupted need an older one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the newest Blueprint allows.

    Attributes:
        blueprint_digest: its digest, for audit.
        purpose: what data is processed for.
        contracts: contracts by tool name.
        facts: the same for decisions.
        model_calls_max: model calls of one turn.
        deadline_seconds: seconds from acceptance to the reply.
        has_memory: there is a MemoryPolicy.
    """

    blueprint_digest: str
    purpose: str
    contracts: dict[str, BlueprintContract]
    facts: dict[str, ContractFacts]
    model_calls_max: int
    deadline_seconds: int
    has_memory: bool


@dataclass(frozen=True, slots=True)
class Pin:
    """What one Blueprint gives to tasks that began with it."""

    digest: str
    setting: TurnSetting
    schemas: ToolSchemas
    adapters: Adapters

    @property
    def history_bytes(self) -> int:
        """Bytes of history that can be of use: more would not fit into the context."""
        return self.setting.context_tokens * BYTES_PER_TOKEN


BuildAdapters = Callable[[Blueprint], Adapters]
"""Makes the adapters of a Blueprint; the wiring has one."""


def build_rules(blueprint: Blueprint) -> Rules:
    """Read what a Blueprint allows."""
    return Rules(
        blueprint_digest=blueprint.digest,
        purpose=blueprint.purpose,
        contracts={tool.name: tool.contract for tool in blueprint.tools},
        facts={tool.name: _build_facts(tool.contract) for tool in blueprint.tools},
        model_calls_max=blueprint.limits.model_calls_per_turn,
        deadline_seconds=blueprint.limits.turn_deadline_seconds,
        has_memory=blueprint.memory is not None,
    )


def build_setting(blueprint: Blueprint) -> TurnSetting:
    """Read what a turn works with.

    Raises:
        BlueprintRefused: if the prompt uses a variable that it does not declare.
    """
    prompt = blueprint.prompt
    text = render_prompt(prompt.name, prompt.template, prompt.variables)
    return TurnSetting(
        prompt=label_prompt(prompt.name, text, blueprint.purpose),
        tools=tuple(_build_offer(tool) for tool in blueprint.tools),
        context_tokens=min(_count_input_tokens(model) for model in blueprint.models),
    )


def build_pin(blueprint: Blueprint, adapters: Adapters) -> Pin:
    """Read what a Blueprint gives to its tasks.

    Raises:
        BlueprintRefused: if a schema or the prompt cannot be used.
    """
    return Pin(blueprint.digest, build_setting(blueprint), ToolSchemas(blueprint.tools), adapters)


class Pins:
    """Pins by digest: the newest, and older ones from the database.

    Args:
        database: where Blueprints are kept.
        blueprint: the newest.
        build_adapters: makes the adapters of a Blueprint.

    Raises:
        BlueprintRefused: if a schema or the prompt cannot be used.
    """

    def __init__(
        self, database: Database, blueprint: Blueprint, build_adapters: BuildAdapters
    ) -> None:
        self._database = database
        self._build_adapters = build_adapters
        self._older: dict[str, Pin] = {}
        self.rules = build_rules(blueprint)
        self.newest = build_pin(blueprint, build_adapters(blueprint))
        self._document = blueprint.render()

    async def keep(self, at_ms: int) -> None:
        """Write the newest Blueprint down, so that its tasks can be resumed under a later one."""
        digest, document = self.newest.digest, self._document

        def write(connection: Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO blueprints (digest, document, first_seen_at) "
                "VALUES (?, ?, ?)",
                (digest, document, at_ms),
            )

        await self._database.write(write)

    async def find(self, digest: str) -> Pin:
        """Return the pin of a digest.

        Raises:
            BlueprintRefused: if that Blueprint was never served here or cannot be read any more.
        """
        if digest == self.newest.digest:
            return self.newest
        if digest not in self._older:
            if len(self._older) >= PINS_CACHED_MAX:
                self._older.clear()
            self._older[digest] = await self._load(digest)
        return self._older[digest]

    def build_setting(self, pin: Pin, history: tuple[Message, ...]) -> TurnSetting:
        """Join what is pinned, the newest rules and the conversation so far."""
        return replace(
            pin.setting,
            model_calls_max=self.rules.model_calls_max,
            has_memory=self.rules.has_memory,
            history=history,
        )

    async def _load(self, digest: str) -> Pin:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document FROM blueprints WHERE digest = ?", (digest,)
            ).fetchone()
        )
        refusal = BlueprintRefused(
            f"the Blueprint {digest} that a task began with cannot be read any more: send the "
            "request again"
        )
        if row is None:
            raise refusal
        try:
            blueprint = Blueprint.model_validate_json(row[0])
        except ValidationError as fault:
            raise refusal from fault
        return build_pin(blueprint, self._build_adapters(blueprint))


def _build_facts(contract: BlueprintContract) -> ContractFacts:
    return ContractFacts(
        is_declared=contract.declared,
        effect=contract.effect,
        calls_per_turn=contract.calls_per_turn,
        has_key=contract.idempotency_key_header is not None,
    )


def _build_offer(tool: BlueprintTool) -> ToolOffer:
    schema = orjson.dumps(tool.input_schema).decode()
    is_read = tool.contract.declared and tool.contract.effect is Effect.READ
    return ToolOffer(tool.name, tool.description, schema, is_read=is_read)


def _count_input_tokens(model: BlueprintModel) -> int:
    """Leave room for the reply, but never more than half of the context."""
    return max(model.context_tokens - model.max_output_tokens, model.context_tokens // 2)
