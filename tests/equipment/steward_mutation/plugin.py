"""A pytest plugin that writes down how each test ended: by assertion, by error, or well."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

REPORT_VARIABLE: Final = "STEWARD_MUTATE_REPORT"
PASSED, ASSERTION, ERROR = "passed", "assertion", "error"

_outcomes: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the outcome of each phase; the worst one counts."""
    report = yield
    if call.excinfo is not None and not report.skipped:
        is_assertion = report.when == "call" and is_by_assertion(call.excinfo.value)
        known = _outcomes.get(item.nodeid, PASSED)
        _outcomes[item.nodeid] = ASSERTION if is_assertion and known != ERROR else ERROR
    elif report.when == "call" and report.passed:
        _outcomes.setdefault(item.nodeid, PASSED)
    return report


def is_by_assertion(error: BaseException) -> bool:
    """Tell whether a test failed because what it states does not hold.

    An expected refusal that did not come (`pytest.raises`) is a statement too; a time-out is not.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(is_by_assertion(inner) for inner in error.exceptions)
    if isinstance(error, pytest.fail.Exception):
        return not str(error.msg).startswith("Timeout")
    return isinstance(error, AssertionError)


def pytest_sessionfinish() -> None:
    """Write the outcomes to the file that the runner named."""
    target = os.environ.get(REPORT_VARIABLE)
    if target:
        Path(target).write_text(json.dumps(_outcomes), encoding="utf-8")
