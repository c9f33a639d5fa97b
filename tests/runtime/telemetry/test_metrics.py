"""Prometheus metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from steward_runtime.telemetry.metrics import Metrics
from steward_runtime.telemetry.names import OUTCOME_OK, Metric, MetricLabel


def _samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def _recorded() -> Metrics:
    metrics = Metrics()
    metrics.record_request("/v1/models", 200, 0.01)
    metrics.record_refusal("RateLimited")
    metrics.record_task(OUTCOME_OK, 1.5)
    metrics.record_model_call("m", OUTCOME_OK, 0.2)
    metrics.record_tokens("m", 10, 3)
    metrics.record_tool_call("t", "ToolTimeout", 10.0)
    metrics.record_queue(2, 5)
    metrics.record_blueprint("helpdesk", "sha256:00")
    return metrics


def test_shows_what_was_recorded() -> None:
    """Each record method moves its own series."""
    samples = _samples(_recorded())
    assert samples["steward_requests_total", (("route", "/v1/models"), ("status", "200"))] == 1
    assert samples["steward_refusals_total", (("reason", "RateLimited"),)] == 1
    assert samples["steward_tasks_total", (("outcome", "Ok"),)] == 1
    assert samples["steward_model_tokens_total", (("direction", "output"), ("model", "m"))] == 3
    assert samples["steward_tasks_waiting", ()] == 5
    calls = samples["steward_tool_calls_total", (("outcome", "ToolTimeout"), ("tool", "t"))]
    assert calls == 1


def test_uses_no_name_or_label_outside_the_list() -> None:
    """Every series and label is declared in `names`, so dashboards can rely on them."""
    suffixes = ("", "_bucket", "_count", "_sum", "_created")
    known = {metric.value.removesuffix("_total") for metric in Metric}
    names = {stem + suffix for stem in known for suffix in (*suffixes, "_total")}
    labels = {label.value for label in MetricLabel} | {"le"}
    for name, given in _samples(_recorded()):
        assert name in names
        assert {key for key, _ in given} <= labels


def test_keeps_two_runtimes_of_one_process_apart() -> None:
    """Metrics live in a registry of their own, not in a global one."""
    _recorded()
    assert ("steward_tasks_waiting", ()) in _samples(Metrics())
    assert _samples(Metrics())["steward_tasks_waiting", ()] == 0
