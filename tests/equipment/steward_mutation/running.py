"""Runs the named test of a field in a process of its own while that field is reset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from steward_mutation.hook import FIELD_VARIABLE, VALUE_VARIABLE
from steward_mutation.plugin import ASSERTION, ERROR, PASSED, REPORT_VARIABLE
from steward_mutation.register import ROOT, Effect

SECONDS_MAX: Final = 300
"""Seconds for one test with its fixtures; a control plane takes 4 of them."""
ALL_SECONDS_MAX: Final = 1_800
"""Seconds for all named tests once, without a reset."""
_HERE: Final = Path(__file__).resolve().parent


class Verdict(StrEnum):
    """What became of a field's proof."""

    PROVEN = "proven"
    """The test failed by assertion, as it must."""
    SURVIVED = "survived"
    """The test passed although the field was reset: it proves nothing."""
    BROKE = "broke"
    """The test ended by an error, which shows no effect of the field."""
    UNSOUND = "unsound"
    """The test does not pass without any reset."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One field and what became of its proof; `detail` is the end of the test's output."""

    effect: Effect
    verdict: Verdict
    detail: str = ""


def run_tests(
    tests: Iterable[str],
    changes: Mapping[str, str],
    seconds_max: int = SECONDS_MAX,
    root: Path = ROOT,
) -> tuple[dict[str, str], str]:
    """Run tests under a changed environment; return their outcomes and the end of their output."""
    paths = [str(_HERE / "site"), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = {
            **os.environ,
            **changes,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            REPORT_VARIABLE: str(report),
        }
        # A cache of its own: runs beside each other must not share one.
        options = ("-p", "steward_mutation.plugin", "-o", f"cache_dir={folder}/cache", "-n", "0")
        command = [sys.executable, "-m", "pytest", "-q", *options, *tests]
        try:
            done = subprocess.run(
                command,
                cwd=root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds_max,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}, f"took more than {seconds_max} s"
        outcomes = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
        return outcomes, done.stdout[-2_000:] + done.stderr[-500:]


def find_unsound(effects: Iterable[Effect]) -> dict[str, str]:
    """Return the tests that do not pass without a reset, and why."""
    tests = sorted({effect.test for effect in effects})
    outcomes, output = run_tests(tests, {}, ALL_SECONDS_MAX)
    return {
        test: output
        for test in tests
        if not (own := _outcomes_of(test, outcomes)) or set(own) != {PASSED}
    }


def judge(effect: Effect, root: Path = ROOT) -> Outcome:
    """Reset one field and say whether its test noticed."""
    changes = {FIELD_VARIABLE: effect.field}
    if effect.becomes is not None:
        changes[VALUE_VARIABLE] = json.dumps(effect.becomes)
    outcomes, output = run_tests([effect.test], changes, root=root)
    own = _outcomes_of(effect.test, outcomes)
    if not own or ERROR in own:
        return Outcome(effect, Verdict.BROKE, output)
    if ASSERTION in own:
        return Outcome(effect, Verdict.PROVEN)
    return Outcome(effect, Verdict.SURVIVED, output)


def _outcomes_of(test: str, outcomes: Mapping[str, str]) -> list[str]:
    """Return the outcomes of a test, of all its parameters where none is named."""
    return [
        outcome for node, outcome in outcomes.items() if node == test or node.startswith(f"{test}[")
    ]
