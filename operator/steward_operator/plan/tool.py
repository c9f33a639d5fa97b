"""Tool: is it usable, and what its status says."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from steward_api.conditions import Problem, accepted_without_contract
from steward_api.reasons import Reason
from steward_api.v1alpha1 import Tool
from steward_api.v1alpha1.tool import ToolType
from steward_operator.children.destinations import parse_destination
from steward_operator.plan.bounds import Bounds, check_bounds
from steward_operator.plan.json_schema import check_arguments_schema, check_json_schema
from steward_operator.plan.own_status import plan_own_status
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings

URL_ARGUMENT: Final = re.compile(r"\{([^{}]*)\}")
FUNCTION_NAME: Final = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
"""What chat APIs accept as the name of a function; a Kubernetes name may also hold dots."""
SINGLE_TYPES: Final = frozenset({"integer", "string"})
"""Types whose values have one obvious form inside a path."""


def plan_tool(tool: Tool, *, now: datetime, settings: OperatorSettings, bounds: Bounds) -> Plan:
    """Plan the status of a Tool."""
    state = accepted_without_contract() if tool.spec.contract is None else None
    problems = (*check_tool(tool, settings), *check_bounds(tool, bounds))
    return plan_own_status(tool, problems, now=now, accepted_state=state)


def check_tool(tool: Tool, settings: OperatorSettings) -> tuple[Problem, ...]:
    """Return what keeps a Tool from being accepted; a missing contract does not."""
    del settings  # every check of one object has the same arguments
    spec = tool.spec
    problems = (
        *_check_name(tool),
        *_check_union(tool),
        *check_arguments_schema(spec.input_schema, "spec.inputSchema"),
        *(
            check_json_schema(spec.output_schema, "spec.outputSchema")
            if spec.output_schema is not None
            else ()
        ),
    )
    return problems or _check_url(tool)


def _check_name(tool: Tool) -> tuple[Problem, ...]:
    if FUNCTION_NAME.fullmatch(tool.metadata.name):
        return ()
    message = "must have no dots, since models call the tool by this name"
    return (Problem("metadata.name", Reason.SPEC_INVALID, message),)


def _check_union(tool: Tool) -> tuple[Problem, ...]:
    if (tool.spec.type is ToolType.HTTP) == (tool.spec.http is not None):
        return ()
    message = "must be set when type is HTTP, and only then"
    return (Problem("spec.http", Reason.SPEC_INVALID, message),)


def _check_url(tool: Tool) -> tuple[Problem, ...]:
    if tool.spec.http is None:
        return ()
    url = tool.spec.http.url
    try:
        parse_destination(url, tool.metadata.namespace)
    except ValueError as error:
        return (Problem("spec.http.url", Reason.URL_INVALID, str(error)),)
    for name in URL_ARGUMENT.findall(urlsplit(url).path):
        if not _is_required_scalar(tool.spec.input_schema, name):
            message = (
                f"argument {name} of the path must be a required property of spec.inputSchema "
                "with type string or integer"
            )
            return (Problem("spec.http.url", Reason.URL_ARGUMENT_UNDECLARED, message),)
    return ()


def _is_required_scalar(schema: dict[str, Any], name: str) -> bool:
    declared = schema.get("properties", {}).get(name)
    return (
        isinstance(declared, dict)
        and declared.get("type") in SINGLE_TYPES
        and name in schema.get("required", ())
    )
