"""Model, Tool, Prompt, MemoryPolicy, RetentionPolicy: accepted or not, and why."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.meta import Condition, ConditionStatus
from steward_operator.gather.cluster_policies import BOUNDED_KINDS
from steward_operator.plan import (
    cluster_assistant_policy,
    memory_policy,
    model,
    own_status,
    prompt,
    retention_policy,
    tool,
)
from steward_operator.plan.bounds import UNBOUNDED
from steward_operator.plan.parsing import OwnObject, parse_object
from steward_operator.plan.world import Broken, EventType, Plan
from steward_operator.settings import OperatorSettings
from steward_plans.objects import (
    NOW,
    WINDOWS,
    make_local_model,
    make_memory_policy,
    make_model,
    make_prompt,
    make_retention_policy,
    make_tool,
)

PLANNERS: dict[str, Any] = {
    "Model": model.plan_model,
    "Tool": tool.plan_tool,
    "Prompt": prompt.plan_prompt,
    "MemoryPolicy": memory_policy.plan_memory_policy,
    "RetentionPolicy": retention_policy.plan_retention_policy,
    "ClusterAssistantPolicy": cluster_assistant_policy.plan_cluster_assistant_policy,
}


def plan(object_: OwnObject, settings: OperatorSettings | None = None) -> Plan:
    """Plan one object by its kind."""
    facts: dict[str, Any] = {"now": NOW, "settings": settings or OperatorSettings()}
    if object_.kind in BOUNDED_KINDS:
        facts["bounds"] = UNBOUNDED
    planned: Plan = PLANNERS[object_.kind](object_, **facts)
    return planned


def accepted(planned: Plan) -> Condition:
    """Return the one condition of a planned status."""
    assert planned.status is not None
    (entry,) = planned.status["conditions"]
    return Condition.model_validate(entry)


def with_status(object_: OwnObject, planned: Plan) -> OwnObject:
    """Return the object as it is read back after the planned status was written."""
    manifest = object_.model_dump(mode="json", by_alias=True, exclude_none=True)
    parsed = parse_object({**manifest, "status": planned.status})
    assert not isinstance(parsed, Broken)
    return parsed


@pytest.mark.parametrize(
    "object_",
    [
        make_model(),
        make_tool(),
        make_prompt(),
        make_memory_policy(),
        make_retention_policy(),
    ],
    ids=lambda object_: object_.kind,
)
def test_a_right_object_is_accepted_once(object_: OwnObject) -> None:
    """One status write, no Event, and nothing after it."""
    planned = plan(object_)
    assert accepted(planned).status is ConditionStatus.TRUE
    assert planned.events == ()
    assert plan(with_status(object_, planned)) == Plan()


@pytest.mark.parametrize(
    ("object_", "reason", "words"),
    [
        (make_model(openAI=None), "SpecInvalid", "spec.openAI"),
        (make_model(openAI={"baseUrl": "http://a:99999/v1"}), "UrlInvalid", "65535"),
        (make_model(openAI={"baseUrl": "http://300.1.1.1/v1"}), "UrlInvalid", "IPv4"),
        (make_local_model(), "LocalNotInCluster", "steward up"),
        (make_tool("a.b"), "SpecInvalid", "metadata.name"),
        (make_tool(http=None), "SpecInvalid", "spec.http"),
        (make_tool(http={"url": "http://a/{id}"}), "UrlArgumentUndeclared", "argument id"),
        (make_tool(inputSchema={"type": "array"}), "SchemaInvalid", "inputSchema.type"),
        (make_tool(outputSchema={"type": "text"}), "SchemaInvalid", "outputSchema.type"),
        (
            make_tool(outputSchema={"description": "x" * 17_000}),
            "SchemaTooLarge",
            "spec.outputSchema",
        ),
        (make_prompt(template="{{ who }}"), "VariableUndeclared", "who"),
        (make_memory_policy(recall={"mode": "Hybrid"}), "SpecInvalid", "embedderRef"),
        (make_retention_policy(purge={"intervalMinutes": 7}), "SpecInvalid", "intervalMinutes"),
        (
            make_retention_policy(windows=[*WINDOWS[:3], WINDOWS[0]]),
            "SpecInvalid",
            "spec.windows",
        ),
    ],
)
def test_a_wrong_object_says_why(object_: OwnObject, reason: str, words: str) -> None:
    """Not accepted, with the field in the message, one Event, and then silence."""
    planned = plan(object_)
    assert accepted(planned).status is ConditionStatus.FALSE
    assert accepted(planned).reason == reason
    assert words in accepted(planned).message
    assert [event.type for event in planned.events] == [EventType.WARNING]
    assert plan(with_status(object_, planned)) == Plan()


def test_an_object_that_was_mended_is_told_once() -> None:
    """The way back is one Event too."""
    planned = plan(make_prompt(template="{{who}}"))
    manifest = make_prompt().model_dump(mode="json", by_alias=True, exclude_none=True)
    mended = parse_object({**manifest, "status": planned.status})
    assert not isinstance(mended, Broken)
    assert [event.type for event in plan(mended).events] == [EventType.NORMAL]


def test_a_tool_without_contract_is_accepted_with_a_warning() -> None:
    """Each of its calls waits for a review, and the condition says so."""
    condition = accepted(plan(make_tool(contract=None)))
    assert (condition.status, condition.reason) == (ConditionStatus.TRUE, "ContractMissing")
    assert "waits for a review" in condition.message


def test_the_bundled_model_is_accepted_where_it_may_run() -> None:
    """`steward up` and `steward render` allow it."""
    settings = OperatorSettings(is_local_model_allowed=True)
    assert accepted(plan(make_local_model(), settings)).status is ConditionStatus.TRUE


def test_a_prompt_reports_its_digest_whatever_else_is_wrong() -> None:
    """The digest is what a pin is copied from, so it is there before all is well."""
    planned = plan(make_prompt(template="{{who}}"))
    assert planned.status is not None
    assert planned.status["digest"].startswith("sha256:")


def test_the_digest_of_a_prompt_ignores_the_order_of_variables() -> None:
    """A list that is a map by name has no order."""
    one, two = {"name": "a", "value": "1"}, {"name": "b", "value": "2"}
    first = prompt.digest_of_prompt(make_prompt(template="x", variables=[one, two]))
    second = prompt.digest_of_prompt(make_prompt(template="x", variables=[two, one]))
    other = prompt.digest_of_prompt(make_prompt(template="y", variables=[two, one]))
    assert first == second != other


def test_built_in_variables_need_no_declaration() -> None:
    """`assistant`, `purpose` and `owner` are always there."""
    template = "{{assistant}} {{ purpose }} {{owner}} {not} {{Not-A-Variable}}"
    assert accepted(plan(make_prompt(template=template))).status is ConditionStatus.TRUE


def test_an_object_of_a_newer_schema_is_told_in_its_status() -> None:
    """What this version cannot read is not ignored silently."""
    manifest = make_prompt().model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest["spec"]["colour"] = "blue"
    broken = parse_object(manifest)
    assert isinstance(broken, Broken)
    condition = accepted(own_status.plan_unreadable(broken, now=NOW))
    assert (condition.status, condition.reason) == (ConditionStatus.FALSE, "Unreadable")
    assert "spec.colour" in condition.message


def test_an_object_in_deletion_gets_no_status() -> None:
    """A write to an object that goes is a wasted write."""
    found = make_prompt()
    metadata = found.metadata.model_copy(update={"deletion_timestamp": "2026-01-01T00:00:00Z"})
    assert plan(found.model_copy(update={"metadata": metadata})) == Plan()


@pytest.mark.parametrize(
    ("minutes", "is_valid"),
    [
        (0, False),
        (1, True),
        (7, False),
        (30, True),
        (60, True),
        (90, False),
        (120, True),
        (300, False),
        (1_440, True),
        (2_880, False),
    ],
)
def test_intervals_are_those_that_a_cron_line_can_say(minutes: int, is_valid: bool) -> None:
    """Divisors of an hour, and whole hours that divide a day."""
    assert retention_policy.is_valid_interval(minutes) is is_valid
