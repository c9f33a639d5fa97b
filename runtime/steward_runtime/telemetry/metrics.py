"""Prometheus metrics of one runtime, in a registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from steward_runtime.telemetry.names import Metric, MetricLabel

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Seconds: from our own overhead (5 ms) to the default deadline of a turn (120 s)."""


class Metrics:
    """Counts what happened; every method takes names and constants only."""

    def __init__(self) -> None:
        """Register every metric of `names.Metric`."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # twice the series for nothing
        self.registry = CollectorRegistry()
        self._requests = self._count(Metric.REQUESTS, "HTTP requests by route and status")
        self._request_seconds = self._observe(Metric.REQUEST_SECONDS, "Duration of HTTP requests")
        self._refusals = self._count(Metric.REFUSALS, "Requests and steps that were refused")
        self._tasks = self._count(Metric.TASKS, "Tasks that ended, by outcome")
        self._task_seconds = self._observe(Metric.TASK_SECONDS, "Duration of tasks")
        self._model_calls = self._count(Metric.MODEL_CALLS, "Calls of models by outcome")
        self._model_seconds = self._observe(Metric.MODEL_SECONDS, "Duration of model calls")
        self._model_tokens = self._count(Metric.MODEL_TOKENS, "Tokens that models reported")
        self._tool_calls = self._count(Metric.TOOL_CALLS, "Calls of tools by outcome")
        self._tool_seconds = self._observe(Metric.TOOL_SECONDS, "Duration of tool calls")
        self._running = Gauge(Metric.TASKS_RUNNING, "Tasks that run now", registry=self.registry)
        self._waiting = Gauge(
            Metric.TASKS_WAITING, "Tasks that wait for a place", registry=self.registry
        )
        self._blueprint = Gauge(
            Metric.BLUEPRINT_INFO,
            "1 for the Blueprint that is served",
            _LABELS[Metric.BLUEPRINT_INFO],
            registry=self.registry,
        )

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request; `route` is the pattern, never the path."""
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def record_refusal(self, reason: str) -> None:
        """Count a refusal by its reason."""
        self._refusals.labels(reason).inc()

    def record_task(self, outcome: str, seconds: float) -> None:
        """Count a task that ended."""
        self._tasks.labels(outcome).inc()
        self._task_seconds.observe(seconds)

    def record_model_call(self, model: str, outcome: str, seconds: float) -> None:
        """Count one call of a model; `outcome` is `Ok` or a reason."""
        self._model_calls.labels(model, outcome).inc()
        self._model_seconds.labels(model).observe(seconds)

    def record_tokens(self, model: str, tokens_in: int, tokens_out: int) -> None:
        """Count the tokens that a model reported."""
        self._model_tokens.labels(model, "input").inc(tokens_in)
        self._model_tokens.labels(model, "output").inc(tokens_out)

    def record_tool_call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count one call of a tool; `outcome` is `Ok` or a reason."""
        self._tool_calls.labels(tool, outcome).inc()
        self._tool_seconds.labels(tool).observe(seconds)

    def record_queue(self, running: int, waiting: int) -> None:
        """Show how many tasks run and wait now."""
        self._running.set(running)
        self._waiting.set(waiting)

    def record_blueprint(self, assistant: str, digest: str) -> None:
        """Show which Blueprint is served."""
        self._blueprint.labels(assistant, digest).set(1)

    def render(self) -> bytes:
        """Return the exposition that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _count(self, metric: Metric, text: str) -> Counter:
        return Counter(metric, text, _LABELS[metric], registry=self.registry)

    def _observe(self, metric: Metric, text: str) -> Histogram:
        return Histogram(
            metric, text, _LABELS[metric], buckets=REQUEST_BUCKETS, registry=self.registry
        )


_LABELS: Final[dict[Metric, tuple[MetricLabel, ...]]] = {
    Metric.REQUESTS: (MetricLabel.ROUTE, MetricLabel.STATUS),
    Metric.REQUEST_SECONDS: (MetricLabel.ROUTE,),
    Metric.REFUSALS: (MetricLabel.REASON,),
    Metric.TASKS: (MetricLabel.OUTCOME,),
    Metric.TASK_SECONDS: (),
    Metric.MODEL_CALLS: (MetricLabel.MODEL, MetricLabel.OUTCOME),
    Metric.MODEL_SECONDS: (MetricLabel.MODEL,),
    Metric.MODEL_TOKENS: (MetricLabel.MODEL, MetricLabel.DIRECTION),
    Metric.TOOL_CALLS: (MetricLabel.TOOL, MetricLabel.OUTCOME),
    Metric.TOOL_SECONDS: (MetricLabel.TOOL,),
    Metric.BLUEPRINT_INFO: (MetricLabel.ASSISTANT, MetricLabel.DIGEST),
}
