"""JSON Schemas of tools, compiled once, so that the decision itself stays pure."""

from __future__ import annotations

from typing import Any, NoReturn

import jsonschema_rs
import orjson

from steward_api.blueprint import BlueprintTool
from steward_runtime.errors import BlueprintRefused


class ToolSchemas:
    """Compiled schemas of the tools of one Blueprint.

    Args:
        tools: the tools.

    Raises:
        BlueprintRefused: if a schema is none.
    """

    def __init__(self, tools: tuple[BlueprintTool, ...]) -> None:
        self._inputs = {tool.name: compile_schema(tool.name, tool.input_schema) for tool in tools}
        self._outputs = {
            tool.name: compile_schema(tool.name, tool.output_schema)
            for tool in tools
            if tool.output_schema is not None
        }

    def check_arguments(self, tool: str, arguments: str) -> bool:
        """Say whether JSON text is an object that matches the tool's input schema."""
        validator = self._inputs.get(tool)
        if validator is None:
            return False
        try:
            instance = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return False
        return isinstance(instance, dict) and validator.is_valid(instance)

    def check_result(self, tool: str, result: str) -> bool:
        """Say whether a result matches the tool's output schema; True where it has none."""
        validator = self._outputs.get(tool)
        if validator is None:
            return True
        try:
            return validator.is_valid(orjson.loads(result))
        except orjson.JSONDecodeError:
            return False


def compile_schema(tool: str, schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Compile a JSON Schema of a tool.

    Patterns run in linear time, and a `$ref` to another place is refused, not fetched.

    Raises:
        BlueprintRefused: if it is no schema.
    """
    try:
        return jsonschema_rs.validator_for(
            schema, pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse_fetch
        )
    except (ValueError, jsonschema_rs.ReferencingError) as fault:
        raise BlueprintRefused(
            f"tool {tool} has a JSON Schema that cannot be used ({type(fault).__name__}): mend "
            "spec.inputSchema or spec.outputSchema of the Tool"
        ) from fault


def _refuse_fetch(uri: str) -> NoReturn:
    raise ValueError(f"a schema may only refer to itself, not to {uri}")
