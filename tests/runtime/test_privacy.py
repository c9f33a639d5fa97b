"""Nothing of users leaves by the side doors: logs, spans, metrics, files at rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from steward_loopback import LoopbackServer
from steward_model_server import Answer, Call, Cut, Garbage, ModelServer, Received, Refuse, Say
from steward_serving import (
    ServedRuntime,
    build_blueprint,
    build_memory,
    build_model,
    build_tool,
)
from steward_tool_server import Behaviour, ToolServer

SUBJECT = "subject-marker-a1"
QUESTION = "question-marker-b2"
ARGUMENT = "argument-marker-c3"
RESULT = "result-marker-d4"
REPLY = "reply-marker-e5"
MEMORY = "memory-marker-f6"
TOKEN = "token-marker-g7"  # noqa: S105 - of a test
GARBAGE = "garbage-marker-h8"
MARKERS = (SUBJECT, QUESTION, ARGUMENT, RESULT, REPLY, MEMORY, TOKEN, GARBAGE)
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Collector(LoopbackServer):
    """Receives spans as OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def build_app(self) -> web.Application:
        """Return the application."""

        async def take(request: web.Request) -> web.Response:
            self.bodies.append(await request.read())
            return web.Response()

        app = web.Application()
        app.router.add_post("/v1/traces", take)
        return app

    def spans(self) -> list[Span]:
        """Return every span so far."""
        found: list[Span] = []
        for body in self.bodies:
            message = ExportTraceServiceRequest()
            message.ParseFromString(body)
            found.extend(
                span
                for resource in message.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
        return found


class Seen:
    """What came out of the side doors of one runtime."""

    def __init__(self, runtime: ServedRuntime, collector: Collector, metrics: str) -> None:
        self.log_text = runtime.log_text()
        self.logs = runtime.logs()
        self.metrics = metrics
        self.span_bytes = b"".join(collector.bodies)
        self.spans = collector.spans()
        self.files = {path: path.read_bytes() for path in runtime.data.rglob("*") if path.is_file()}


def _answer(received: Received) -> Answer:
    """Call the tool for a question, reply to its result, and fail in every way on request."""
    last = received.body["messages"][-1]
    if last["role"] == "tool":
        return Say(REPLY)
    faults: dict[str, Answer] = {
        "refuse": Refuse(500, message=GARBAGE),
        "garbage": Garbage(f"data: {GARBAGE}\n\n".encode()),
        "cut": Cut(GARBAGE),
        "wrong": Call((("lookup", {GARBAGE: GARBAGE}),)),
        "unknown": Call(((GARBAGE, {}),)),
    }
    for word, fault in faults.items():
        if last["content"].startswith(word):
            return fault
    return Call((("lookup", {"id": ARGUMENT}),))


def _drive(runtime: ServedRuntime) -> None:
    """Send markers through every door and every fault."""
    headers = {
        "Authorization": f"Bearer {runtime.key}",
        "Steward-Subject": SUBJECT,
        "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01",
    }
    with httpx.Client(base_url=runtime.url, headers=headers, trust_env=False) as client:
        memory = {"segment": "facts", "text": MEMORY}
        assert client.post("/v1/memories", json=memory).status_code == 201
        for words in (QUESTION, "refuse", "garbage", "cut", "wrong", "unknown"):
            for is_streamed in (False, True):
                _chat(client, QUESTION)  # a good answer keeps the breaker closed
                _chat(client, f"{words} {QUESTION} {MEMORY}", stream=is_streamed)
        client.post("/v1/chat/completions", content=f'{{"{GARBAGE}": "{QUESTION}"'.encode())
        client.post("/v1/chat/completions", content=QUESTION.encode() + b"\xff")
        _chat(client, QUESTION, **{QUESTION: 1})
        client.get(f"/v1/tasks/{QUESTION}")
        client.get(f"/{QUESTION}?{GARBAGE}={TOKEN}")
        client.get("/v1/models", headers={"Authorization": f"Bearer {TOKEN}"})
        client.get("/v1/models", headers={"Steward-Subject": f"{SUBJECT} {QUESTION}"})


def _chat(client: httpx.Client, text: str, **more: Any) -> None:
    body = {"model": "helpdesk", "messages": [{"role": "user", "content": text}], **more}
    client.post("/v1/chat/completions", json=body)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Drive a runtime that exports its spans, and gather everything that it let out."""
    folder: Path = tmp_path_factory.mktemp("privacy")
    tool_answer = Behaviour(body=f'{{"state": "{RESULT}"}}'.encode())
    with (
        ModelServer(_answer) as model,
        ToolServer({f"/tickets/{ARGUMENT}": tool_answer}) as tools,
        Collector() as collector,
    ):
        blueprint = build_blueprint(
            build_model(model.base_url, credential="model-secret"),
            tools=(build_tool(f"{tools.url}/tickets/{{id}}", credential="tool-secret"),),
            memory=build_memory(),
        )
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        runtime = ServedRuntime(folder, environment)
        runtime.files.write_all(blueprint)
        for name in ("model-secret", "tool-secret"):
            runtime.files.write_credential(name, TOKEN, "127.0.0.1")
        runtime.start()
        _drive(runtime)
        assert model.received[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert tools.called[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert TRACE_ID in tools.called[0].headers["traceparent"]
        metrics = runtime.metrics()
        assert runtime.stop() == 0
        yield Seen(runtime, collector, metrics)


@pytest.mark.parametrize("marker", MARKERS)
def test_writes_no_content_to_logs_spans_and_metrics(seen: Seen, marker: str) -> None:
    """Names of subjects, messages, arguments, results, memory, tokens and garbage stay inside."""
    assert marker not in seen.log_text
    assert marker not in seen.metrics
    assert marker.encode() not in seen.span_bytes


@pytest.mark.parametrize("marker", MARKERS)
def test_writes_no_content_in_clear_to_the_data_folder(seen: Seen, marker: str) -> None:
    """At rest everything of users is ciphertext."""
    assert seen.files
    assert [path.name for path, held in seen.files.items() if marker.encode() in held] == []


def test_joins_logs_and_spans_to_the_trace_of_the_caller(seen: Seen) -> None:
    """The caller's trace goes through: server span, model and tool below it, and the log line."""
    spans = [span for span in seen.spans if span.trace_id.hex() == TRACE_ID]
    by_name = {span.name: span for span in spans}
    assert {"invoke_agent helpdesk", "chat main", "execute_tool lookup"} <= set(by_name)
    servers = {span.span_id for span in spans if span.name == "invoke_agent helpdesk"}
    assert by_name["chat main"].parent_span_id in servers
    assert by_name["execute_tool lookup"].parent_span_id in servers
    served = [line for line in seen.logs if line["event"] == "RequestServed"]
    joined = [line for line in served if line.get("trace_id") == TRACE_ID]
    assert joined
    assert all(line["task"].startswith("task_") for line in joined)


def test_says_what_happened_without_saying_what_was_said(seen: Seen) -> None:
    """Spans and metrics carry names, counts and reasons."""
    chat = next(span for span in seen.spans if span.name == "chat main")
    attributes = {pair.key: pair.value for pair in chat.attributes}
    assert attributes["gen_ai.request.model"].string_value == "main"
    assert attributes["gen_ai.operation.name"].string_value == "chat"
    failed = [
        pair.value.string_value
        for span in seen.spans
        for pair in span.attributes
        if pair.key == "error.type"
    ]
    assert {"ModelUnavailable", "ModelAnswerBroken"} <= set(failed)
    assert 'steward_tool_calls_total{outcome="Ok",tool="lookup"}' in seen.metrics
    assert 'steward_model_calls_total{model="main",outcome="ModelAnswerBroken"}' in seen.metrics
    for reason in ("Unauthorized", "ArgumentsRefused", "ToolUnknown", "BodyNotUtf8"):
        assert f'steward_refusals_total{{reason="{reason}"}}' in seen.metrics
