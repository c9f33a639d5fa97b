"""`make demo`: runs an example as a user would, step by step, with a transcript to read.

Exit code 0 only if every step of `expect.yaml` held. The state of the demo lies in a folder of its
own, which is emptied at the start; what an auditor needs is left behind in its folder `proof`. The
bundled model answers, also where OPENAI_API_KEY is set: what is shown is the same everywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from steward_cli.demo.expectations import (
    Chat,
    Memories,
    Purged,
    Questions,
    Receipt,
    Request,
    Step,
    gather_expectations,
)
from steward_cli.demo.receipt import PROOF_FOLDER, check_receipt
from steward_cli.demo.stage import serve_example
from steward_cli.demo.visit import (
    StepFailed,
    Tell,
    Visit,
    check_chat,
    check_memories,
    check_purged,
    check_questions,
    check_request,
)
from steward_cli.errors import CommandError, ExitCode
from steward_cli.local.endpoint import KEY_VARIABLE
from steward_cli.local.layout import StateFolder
from steward_cli.local.planning import gather_assistant
from steward_cli.local.record import RunRecord

INTERRUPTED_CODE: Final = 130
STATE_DEFAULT: Final = Path(".steward", "demo")

CHECKS: Final[dict[type, Callable[[Visit, Any], None]]] = {
    Chat: check_chat,
    Questions: check_questions,
    Memories: check_memories,
    Request: check_request,
    Purged: check_purged,
    Receipt: check_receipt,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step went."""

    step: Step
    seconds: float
    fault: str | None
    """What was seen instead; None if the step held."""


def run_demo(example: Path, home: Path = STATE_DEFAULT) -> int:
    """Run one example from `steward up` to the proof; return the exit code."""
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcomes = _visit(example.resolve(), home.resolve(), _tell)
    except KeyboardInterrupt:
        _tell("\ninterrupted; the assistant has been stopped\n")
        return INTERRUPTED_CODE
    except CommandError as failed:
        _tell(f"\n{failed}\n")
        return int(failed.exit_code)
    _tell(render_summary(outcomes, time.monotonic() - begun))
    return int(ExitCode.FAILED if any(one.fault for one in outcomes) else ExitCode.OK)


def run_steps(visit: Visit, steps: tuple[Step, ...]) -> tuple[Outcome, ...]:
    """Run steps in order; a step that does not hold does not keep the others from being seen."""
    outcomes: list[Outcome] = []
    for number, step in enumerate(steps, start=1):
        visit.tell(f"\n{number}. {step.name}\n")
        begun = time.monotonic()
        fault: str | None = None
        try:
            CHECKS[type(step.deed)](visit, step.deed)
        except StepFailed as failed:
            fault = str(failed)
            visit.tell(f"\n    NOT HELD: {fault}\n")
        outcomes.append(Outcome(step, time.monotonic() - begun, fault))
    return tuple(outcomes)


def render_summary(outcomes: tuple[Outcome, ...], seconds: float) -> str:
    """Say which steps held."""
    lines = [
        f"  {'held' if one.fault is None else 'NOT HELD':<9} {one.seconds:5.1f} s  {one.step.name}"
        for one in outcomes
    ]
    failed = sum(one.fault is not None for one in outcomes)
    total = f"demo: {len(outcomes) - failed} passed, {failed} failed"
    return "\n" + "\n".join(lines) + f"\n\n{total}, in {seconds:.0f} s\n"


def _visit(example: Path, home: Path, tell: Tell) -> tuple[Outcome, ...]:
    expectations = gather_expectations(example)
    state = StateFolder(home / gather_assistant(example).name)
    shutil.rmtree(state.root, ignore_errors=True)
    tell(f"$ steward up {example.name}\n")
    own = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    with serve_example(example, state, own) as record:
        tell(_describe(record))
        outcomes = run_steps(Visit(record, state, tell), expectations.steps)
    proof = state.root / PROOF_FOLDER
    if proof.is_dir():
        tell(f"\nThe receipt, its signatures and both public keys are left in {proof}\n")
    return outcomes


def _describe(record: RunRecord) -> str:
    return (
        f"  endpoint   {record.endpoint}\n"
        f"  model      {record.model}\n"
        f"  blueprint  {record.blueprint_digest}\n"
        "  The bundled 135M model shows the plumbing, not the wit: no step is about wording.\n"
    )


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
