"""Mutation: a reset field is what pydantic gives to whoever parses, also in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steward_api.blueprint import Blueprint, BlueprintLimits, BlueprintTool
from steward_api.v1alpha1 import KINDS, Assistant, Tool
from steward_api.v1alpha1.tool import Contract, Effect
from steward_house.sources import ROOT
from steward_kinds.objects import build_object
from steward_mutation.__main__ import run
from steward_mutation.blueprint_resets import plan_blueprint_resets
from steward_mutation.hook import mutated
from steward_mutation.paths import UnknownFieldError, gather_fields, plan_resets
from steward_mutation.register import Effect as NamedEffect
from steward_mutation.running import Verdict, judge

LIMIT = "Assistant.spec.limits.queuedTasks"
LIMITS: dict[str, Any] = {
    "requests_per_minute": 1,
    "concurrent_tasks": 1,
    "queued_tasks": 1,
    "turn_deadline_seconds": 1,
    "model_calls_per_turn": 1,
    "request_bytes": 1,
}


def assistant(**changes: Any) -> Assistant:
    """Parse an Assistant as the operator does."""
    return Assistant.model_validate(build_object("Assistant", **changes))


def test_resets_a_field_to_the_default_of_the_schema() -> None:
    """The field is as if the user had not written it; everything else stays."""
    limits = {"queuedTasks": 1, "concurrentTasks": 2}
    with mutated(LIMIT):
        parsed = assistant(limits=limits).spec.limits
    assert (parsed.queued_tasks, parsed.concurrent_tasks) == (64, 2)
    assert assistant(limits=limits).spec.limits.queued_tasks == 1


def test_resets_to_the_default_that_an_outer_object_declares() -> None:
    """The memory limit of a Pod has its default from the object around it."""
    resources = {"limits": {"memory": "64Mi", "cpu": "1"}}
    with mutated("Assistant.spec.pod.resources.limits.memory"):
        limits = assistant(pod={"resources": resources}).spec.pod.resources.limits
    assert (limits.memory, limits.cpu) == ("512Mi", "1")


def test_takes_away_what_holds_a_field_without_default() -> None:
    """A reference that may be absent is absent; a list of references is empty."""
    with mutated("Assistant.spec.memoryPolicyRef.name"):
        assert assistant(memoryPolicyRef={"name": "m"}).spec.memory_policy_ref is None
    with mutated("Assistant.spec.toolRefs.name"):
        assert assistant(toolRefs=[{"name": "t"}]).spec.tool_refs == ()


def test_gives_a_required_field_the_value_of_the_register() -> None:
    """What has no default becomes what the register says, in every item of a list."""
    with mutated("Assistant.spec.modelRefs.name", "other"):
        refs = assistant(modelRefs=[{"name": "a"}, {"name": "b"}]).spec.model_refs
    assert [ref.name for ref in refs] == ["other", "other"]


def test_reaches_constructors_and_json_too() -> None:
    """Whichever way an object is made, the field is reset."""
    with mutated("Tool.spec.contract.timeoutSeconds"):
        made = Contract(effect=Effect.READ, timeout_seconds=99)
        text = json.dumps(build_object("Tool", contract={"effect": "Read", "timeoutSeconds": 99}))
        read = Tool.model_validate_json(text)
    assert made.timeout_seconds == 10
    assert read.spec.contract == Contract(effect=Effect.READ)


def test_reaches_the_blueprint() -> None:
    """A runtime that reads a Blueprint and no kind sees the reset as well."""
    with mutated(LIMIT):
        assert BlueprintLimits(**LIMITS).queued_tasks == 64
    assert BlueprintLimits(**LIMITS).queued_tasks == 1


@pytest.mark.parametrize("field", gather_fields())
def test_every_field_can_be_reset(field: str) -> None:
    """Each field has a reset, with a value for those that must have one."""
    try:
        resets = plan_resets(field)
    except ValueError:
        resets = plan_resets(field, sample_of(field))
    kind = next(kind for kind in KINDS if kind.NAMES.kind == field.partition(".")[0])
    assert resets[0].owner is kind


@pytest.mark.parametrize("field", gather_fields())
def test_every_counterpart_stands_in_the_blueprint(field: str) -> None:
    """A path in the table of counterparts that leads nowhere would reset nothing."""
    try:
        resets = plan_blueprint_resets(field, None)
    except ValueError:
        resets = plan_blueprint_resets(field, sample_of(field))
    for reset in resets:
        assert reset.steps[0] in reset.owner.model_fields
    assert not resets or resets[0].owner is Blueprint


def test_knows_the_contract_that_stands_for_none() -> None:
    """A Tool without contract is Destructive in the Blueprint."""
    resets = plan_blueprint_resets("Tool.spec.contract.effect", None)
    assert resets[-1].owner is BlueprintTool
    assert resets[-1].value.effect is Effect.DESTRUCTIVE


def test_refuses_a_field_that_no_kind_has() -> None:
    """A misspelt field is an error, not a reset of nothing."""
    with pytest.raises(UnknownFieldError):
        plan_resets("Assistant.spec.limits.queued")


def test_reaches_child_processes() -> None:
    """A process that inherits the environment parses the reset value, without any code of ours."""
    equipment = ROOT / "tests" / "equipment"
    path = os.pathsep.join([str(equipment / "steward_mutation" / "site"), str(equipment)])
    script = (
        "import json, sys\n"
        "from steward_api.v1alpha1 import Assistant\n"
        "from steward_api.blueprint import BlueprintLimits\n"
        f"a = Assistant.model_validate_json({json.dumps(json.dumps(limited()))})\n"
        f"b = BlueprintLimits(**{LIMITS!r})\n"
        "print(a.spec.limits.queued_tasks, b.queued_tasks)"
    )
    environment = {**os.environ, "PYTHONPATH": path, "STEWARD_MUTATE": LIMIT}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["64", "64"]


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("assert parsed == 1", Verdict.PROVEN),
        ("pytest.raises(ValueError, int, 'x' if parsed == 1 else '1')", Verdict.PROVEN),
        ("assert parsed > 0", Verdict.SURVIVED),
        ("{1: 0}[parsed]", Verdict.BROKE),
    ],
)
def test_tells_proof_from_survival_and_error(body: str, verdict: Verdict, tmp_path: Path) -> None:
    """A test proves a field only by an assertion that fails when the field is reset."""
    settings = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    (tmp_path / "pytest.ini").write_text(settings, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "from steward_api.v1alpha1 import Assistant\n"
        "def test_it():\n"
        f"    parsed = Assistant.model_validate({limited()!r}).spec.limits.queued_tasks\n"
        f"    {body}\n",
        encoding="utf-8",
    )
    outcome = judge(NamedEffect(LIMIT, "test_it.py::test_it"), tmp_path)
    assert outcome.verdict is verdict, outcome.detail


def test_a_pattern_that_selects_nothing_fails() -> None:
    """`make mutate FIELDS=misspelt` is not a success."""
    assert run(["Nothing.*"]) == 2


def limited() -> dict[str, Any]:
    """Return an Assistant with a limit that is not the default."""
    return build_object("Assistant", limits={"queuedTasks": 1})


def sample_of(field: str) -> Any:
    """Return a value that a field without default can become."""
    samples = {
        "class": "Tasks",
        "effect": "Write",
        "inputSchema": {},
        "integrity": "Trusted",
        "keepSeconds": 60,
        "sensitivity": "Public",
        "type": {"Model": "Local"}.get(field.partition(".")[0], "HTTP"),
        "url": "http://other.test/x",
        "baseUrl": "http://other.test/v1",
    }
    return samples.get(field.rpartition(".")[2], "other")
