"""compile_blueprint: what the runtime gets, and what has no influence on it."""

from __future__ import annotations

from dataclasses import replace

from steward_api.blueprint import Blueprint
from steward_operator.plan.blueprint import compile_blueprint
from steward_operator.plan.references import resolve_references
from steward_operator.plan.world import World
from steward_plans.objects import make_assistant, make_tool, make_world, with_object


def compile_world(world: World) -> Blueprint:
    """Compile the Blueprint of a world that has one."""
    blueprint = compile_blueprint(world.assistant, resolve_references(world))
    assert blueprint is not None
    return blueprint


def test_holds_no_identity_and_no_namespace() -> None:
    """The digest is the same on a laptop and in a cluster."""
    world = make_world()
    elsewhere = world.assistant.metadata.model_copy(update={"uid": "u", "namespace": "other"})
    moved = replace(world, assistant=world.assistant.model_copy(update={"metadata": elsewhere}))
    assert compile_world(moved).digest == compile_world(world).digest


def test_a_reader_gets_back_what_was_written() -> None:
    """The canonical bytes parse to the same Blueprint with the same digest."""
    blueprint = compile_world(make_world())
    read = Blueprint.model_validate_json(blueprint.render())
    assert (read, read.digest) == (blueprint, blueprint.digest)


def test_a_tool_without_contract_gets_the_safest_one() -> None:
    """Undeclared means Destructive, untrusted and once."""
    world = with_object(make_world(), make_tool(contract=None))
    tool = next(tool for tool in compile_world(world).tools if tool.name == "find-ticket")
    assert (tool.contract.declared, tool.contract.effect) == (False, "Destructive")
    assert tool.contract.idempotency_key_header is None


def test_secrets_are_names_and_never_content() -> None:
    """A credential is the name of a directory."""
    assistant = make_assistant(authentication={"keysSecretRef": {"name": "people"}})
    blueprint = compile_world(make_world(assistant))
    assert blueprint.models[0].credential == "model-credential"
    assert blueprint.bound_keys == "people"


def test_the_version_of_a_tool_changes_with_its_spec() -> None:
    """Journal and audit name the tool by this digest."""
    before = compile_world(make_world()).tools[1]
    world = with_object(make_world(), make_tool(description="Look up one ticket."))
    after = compile_world(world).tools[1]
    assert before.name == after.name
    assert before.digest != after.digest


def test_the_status_of_objects_has_no_influence() -> None:
    """What we write ourselves must not cause a rollout."""
    world = make_world()
    status = world.assistant.status.model_copy(update={"observed_generation": 7})
    assistant = world.assistant.model_copy(update={"status": status})
    assert compile_world(replace(world, assistant=assistant)).digest == compile_world(world).digest
