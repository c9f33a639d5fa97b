"""What a task is pinned to, and what is always the newest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.v1alpha1.tool import Effect
from steward_core import ScriptedTools, build_blueprint, build_tool, open_database
from steward_runtime.errors import BlueprintRefused
from steward_runtime.models.fake import ScriptedModel
from steward_runtime.storage.database import Database
from steward_runtime.tasks.pinning import Pins, build_rules, build_setting
from steward_runtime.tasks.ports import Adapters

ADAPTERS = Adapters(ScriptedModel("main", ()), ScriptedTools())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        yield opened


def test_the_smallest_model_bounds_the_context() -> None:
    """A request must fit whichever model answers it; room is left for the reply."""
    blueprint = build_blueprint(context_tokens=1_000)
    (model,) = blueprint.models
    larger = model.model_copy(update={"name": "large", "context_tokens": 9_000})
    both = blueprint.model_copy(update={"models": (larger, model)})
    assert build_setting(both).context_tokens == 1_000 - model.max_output_tokens
    greedy = model.model_copy(update={"max_output_tokens": 990})
    alone = blueprint.model_copy(update={"models": (greedy,)})
    assert build_setting(alone).context_tokens == 500


def test_only_declared_reads_may_run_side_by_side() -> None:
    """A tool without contract is not trusted to read."""
    blueprint = build_blueprint(
        build_tool("read"), build_tool("bare", declared=False), build_tool("write", Effect.WRITE)
    )
    assert [offer.is_read for offer in build_setting(blueprint).tools] == [True, False, False]


def test_rules_follow_contracts_and_limits() -> None:
    """A key header makes a write repeatable."""
    tool = build_tool("close", Effect.WRITE, key_header="Idempotency-Key", calls_per_turn=3)
    rules = build_rules(build_blueprint(tool, turn_deadline_seconds=9, model_calls_per_turn=2))
    facts = rules.facts["close"]
    assert (facts.is_declared, facts.calls_per_turn, facts.is_repeatable) == (True, 3, True)
    assert (rules.deadline_seconds, rules.model_calls_max) == (9, 2)
    assert not rules.has_memory


async def test_an_older_blueprint_is_found_again(database: Database) -> None:
    """Its prompt is as it was; limits are the newest."""
    older, newer = build_blueprint(prompt="Old."), build_blueprint(model_calls_per_turn=1)
    await Pins(database, older, lambda _: ADAPTERS).keep(0)
    pins = Pins(database, newer, lambda _: ADAPTERS)
    pin = await pins.find(older.digest)
    setting = pins.build_setting(pin, ())
    assert setting.prompt.text == "Old."
    assert setting.model_calls_max == 1
    assert await pins.find(older.digest) is pin
    assert await pins.find(newer.digest) is pins.newest


async def test_a_blueprint_that_was_never_kept_is_refused(database: Database) -> None:
    """The task that names it fails instead of running under another one."""
    pins = Pins(database, build_blueprint(), lambda _: ADAPTERS)
    with pytest.raises(BlueprintRefused, match="sha256:gone"):
        await pins.find("sha256:gone")


def test_a_prompt_with_unknown_variables_is_refused_before_serving(database: Database) -> None:
    """The operator refuses it too; this is the second lock."""
    with pytest.raises(BlueprintRefused):
        Pins(database, build_blueprint(prompt="Hello {{nobody}}"), lambda _: ADAPTERS)
