"""What the driver tells becomes metrics and logs."""

from __future__ import annotations

import logging

import pytest

from steward_runtime.telemetry.metrics import Metrics
from steward_runtime.telemetry.observer import TaskObserver


def test_counts_tasks_by_outcome_and_denials_by_reason() -> None:
    """A reply counts as Ok, a failure by its reason; what is allowed is no refusal."""
    metrics = Metrics()
    observer = TaskObserver(metrics)
    with observer.effect("task_1", "CallModel", "model"):
        pass
    observer.ended("task_1", "Replied", 0.5)
    observer.ended("task_2", "DeadlineExceeded", 20)
    observer.decided("CallTool", "lookup", "WithinContract", is_allowed=True)
    observer.decided("CallTool", "lookup", "ArgumentsRefused", is_allowed=False)
    text = metrics.render().decode()
    assert 'steward_tasks_total{outcome="Ok"} 1.0' in text
    assert 'steward_tasks_total{outcome="DeadlineExceeded"} 1.0' in text
    assert 'steward_refusals_total{reason="ArgumentsRefused"} 1.0' in text
    assert "WithinContract" not in text


def test_logs_a_failed_task_and_a_defect_by_name(caplog: pytest.LogCaptureFixture) -> None:
    """The task and the reason are named; a reply needs no line."""
    observer = TaskObserver(Metrics())
    with caplog.at_level(logging.WARNING, "steward_runtime"):
        observer.ended("task_1", "Replied", 0.5)
        observer.ended("task_2", "ModelUnavailable", 0.5)
        observer.fault("task_3", "CallTool", ValueError("hidden"))
    events = [(record.msg, getattr(record, "task", None)) for record in caplog.records]
    assert events == [("TaskFailed", "task_2"), ("Defect", "task_3")]
