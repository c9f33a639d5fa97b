"""From files to a running assistant: bindings, substitutes, fail-over, credentials, reload."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_api.blueprint import ModelSubstitute
from steward_api.v1alpha1.memory_policy import RecallMode
from steward_api.v1alpha1.model import ModelType, ToolCalling
from steward_loopback import wait_until
from steward_model_server import Call, ModelServer, Refuse, Say
from steward_runtime.clock import SystemClock
from steward_serving import (
    ServedRuntime,
    build_blueprint,
    build_memory,
    build_model,
    build_operator_token,
    build_tool,
    serve,
)
from steward_tool_server import ToolServer

LOGICAL = "http://models.example.com/v1"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """Run a scripted model."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def tools() -> Iterator[ToolServer]:
    """Run scripted tools."""
    with ToolServer() as server:
        yield server


def _chat(runtime: ServedRuntime, text: str = "hi", **headers: str) -> httpx.Response:
    body = {"model": "helpdesk", "messages": [{"role": "user", "content": text}]}
    return httpx.post(
        f"{runtime.url}/v1/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {runtime.key}", **headers},
        trust_env=False,
        timeout=20,
    )


def _start(folder: Path, blueprint: Any, **bindings: Any) -> ServedRuntime:
    runtime = ServedRuntime(folder)
    runtime.files.write_all(blueprint)
    runtime.files.write_bindings(**bindings)
    return runtime


def test_binds_logical_hosts_to_loopback(
    tmp_path: Path, model: ModelServer, tools: ToolServer
) -> None:
    """The Blueprint names the cluster's hosts; requests go to this machine and still name them."""
    blueprint = build_blueprint(
        build_model(LOGICAL, credential="model-secret"),
        tools=(build_tool("https://tickets.example.com/t/{id}"),),
    )
    hosts = {
        "models.example.com": f"127.0.0.1:{model.port}",
        "tickets.example.com:443": f"127.0.0.1:{tools.port}",
    }
    runtime = _start(tmp_path, blueprint, hosts=hosts)
    runtime.files.write_credential("model-secret", "token-1", "models.example.com")
    runtime.start()
    model.play([Call((("lookup", {"id": "7"}),)), Say("Done.")])
    assert _chat(runtime).status_code == 200
    runtime.stop()
    headers = model.received[0].headers
    assert (headers["host"], headers["authorization"]) == ("models.example.com", "Bearer token-1")
    assert (tools.called[0].path, tools.called[0].headers["host"]) == (
        "/t/7",
        "tickets.example.com",
    )


def test_replaces_a_model_by_the_users_own_endpoint(tmp_path: Path, model: ModelServer) -> None:
    """Another URL, model name, credential and way of calling tools; the Blueprint stays."""
    local = build_model("http://unused", tool_calling=ToolCalling.CONSTRAINED)
    local = local.model_copy(update={"type": ModelType.LOCAL, "base_url": None})
    blueprint = build_blueprint(local, tools=(build_tool("http://tickets.example/{id}"),))
    runtime = _start(
        tmp_path,
        blueprint,
        hosts={"tickets.example": "127.0.0.1:9"},
        models={"main": model.base_url},
        model_substitutes={"main": ModelSubstitute(model_name="gpt-x", credential="mine")},
    )
    runtime.files.write_credential("mine", "token-2", f"127.0.0.1:{model.port}")
    runtime.start()
    model.play([Say("Hello.")])
    assert _chat(runtime).json()["choices"][0]["message"]["content"] == "Hello."
    runtime.stop()
    sent = model.received[0]
    assert (sent.body["model"], sent.headers["authorization"]) == ("gpt-x", "Bearer token-2")
    assert "tools" in sent.body
    assert "response_format" not in sent.body


def test_asks_a_constrained_model_by_schema(
    tmp_path: Path, model: ModelServer, tools: ToolServer
) -> None:
    """No native tools are sent; the schema offers tool and reply, and the choice is carried out."""
    blueprint = build_blueprint(
        build_model(model.base_url, tool_calling=ToolCalling.CONSTRAINED),
        tools=(build_tool(f"{tools.url}/t/{{id}}"),),
    )
    with serve(tmp_path, blueprint) as runtime:
        model.play([Say('{"tool": "lookup", "arguments": {"id": "7"}}'), Say('{"reply": "Open."}')])
        assert _chat(runtime).json()["choices"][0]["message"]["content"] == "Open."
    assert [call.path for call in tools.called] == ["/t/7"]
    assert "tools" not in model.received[0].body
    schema = model.received[0].body["response_format"]["json_schema"]["schema"]
    assert len(schema["oneOf"]) == 2


def test_refuses_a_local_model_without_binding(tmp_path: Path) -> None:
    """A Local model runs beside `steward up` only; the sentence says so."""
    local = build_model("x").model_copy(update={"type": ModelType.LOCAL, "base_url": None})
    runtime = _start(tmp_path, build_blueprint(local))
    runtime.start(is_waiting=False)
    assert runtime.wait() == 2
    assert "Model main is Local" in runtime.stderr()


def test_asks_the_next_model_when_the_first_one_fails(tmp_path: Path, model: ModelServer) -> None:
    """Fail-over in the order of modelRefs."""
    with ModelServer(lambda _: Refuse(503)) as broken:
        first = build_model(broken.base_url, name="first")
        second = build_model(model.base_url, name="second")
        with serve(tmp_path, build_blueprint(first, models=(first, second))) as runtime:
            model.play([Say("From the second.")])
            assert "From the second." in _chat(runtime).text
            metrics = runtime.metrics()
    assert 'steward_model_calls_total{model="first",outcome="ModelUnavailable"} 1.0' in metrics
    assert 'steward_model_calls_total{model="second",outcome="Ok"} 1.0' in metrics


def test_uses_a_rotated_credential_at_once(tmp_path: Path, model: ModelServer) -> None:
    """A mounted Secret that changes is read again; nothing restarts."""
    blueprint = build_blueprint(build_model(model.base_url, credential="secret"))
    model.play(lambda _: Say("ok"))
    runtime = ServedRuntime(tmp_path)
    runtime.files.write_all(blueprint)
    runtime.files.write_credential("secret", "old", "127.0.0.1")
    runtime.start()
    _chat(runtime)
    runtime.files.write_credential("secret", "new", "127.0.0.1")

    def has_new_token() -> bool:
        _chat(runtime)
        return model.received[-1].headers["authorization"] == "Bearer new"

    wait_until(has_new_token, "the new token")
    assert model.received[0].headers["authorization"] == "Bearer old"
    runtime.stop()


def test_lets_a_bound_key_in_that_comes_later(tmp_path: Path, model: ModelServer) -> None:
    """Bound keys follow their Secret; a revoked one is refused."""
    blueprint = build_blueprint(build_model(model.base_url), bound_keys="people")
    model.play(lambda _: Say("ok"))
    with serve(tmp_path, blueprint) as runtime:
        bob = {"Authorization": "Bearer sk-bob"}
        assert _chat(runtime, **bob).status_code == 401
        runtime.files.write_bound_key("people", "bob", "sk-bob", subject="bob")
        wait_until(lambda: _chat(runtime, **bob).status_code == 200, "the key's arrival")
        (runtime.files.root / "credentials/people/bob").unlink()
        wait_until(lambda: _chat(runtime, **bob).status_code == 401, "the key's removal")


def test_recalls_by_meaning_with_an_embedder(tmp_path: Path, model: ModelServer) -> None:
    """Hybrid memory asks the embedding model for each memory and each question."""
    embedder = build_model(model.base_url, name="embedder", model_name="e5")
    memory = build_memory().model_copy(
        update={"recall_mode": RecallMode.HYBRID, "embedder": embedder}
    )
    blueprint = build_blueprint(build_model(model.base_url), memory=memory)
    model.play(lambda _: Say("ok"))
    with serve(tmp_path, blueprint) as runtime:
        headers = {"Steward-Subject": "alice"}
        _chat(runtime, "abba gaga", **headers)
        _chat(runtime, "bab aga", **headers)
    embedded = [each for each in model.received if each.path == "/v1/embeddings"]
    assert len(embedded) >= 2
    asked = [each.body for each in model.received if each.path == "/v1/chat/completions"]
    assert "abba gaga" in str(asked[-1]["messages"][:-1])


@pytest.mark.parametrize("arguments", [("--data",), ("--server",)])
def test_purges_a_running_and_a_stopped_assistant(
    tmp_path: Path, model: ModelServer, arguments: tuple[str]
) -> None:
    """The same command line as the CronJob's; nothing is due yet, and that is done."""
    blueprint = build_blueprint(build_model(model.base_url))
    with serve(tmp_path, blueprint) as runtime:
        if arguments == ("--data",):
            runtime.stop()
        place = str(runtime.data) if arguments == ("--data",) else runtime.admin_url
        done = subprocess.run(
            [
                *(sys.executable, "-m", "steward_runtime.main", "purge"),
                *("--config", str(runtime.files.root), arguments[0], place),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, "NothingDue" in done.stderr) == (0, True), done.stdout + done.stderr


def test_follows_the_trust_document(tmp_path: Path, model: ModelServer) -> None:
    """An operator's token opens the status as long as its key is trusted, without a restart."""

    def ask(runtime: ServedRuntime) -> httpx.Response:
        token = build_operator_token("status", SystemClock().now_ms() // 1_000)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{runtime.admin_url}/internal/v1/status"
        return httpx.get(url, headers=headers, trust_env=False)

    blueprint = build_blueprint(build_model(model.base_url))
    with serve(tmp_path, blueprint) as runtime:
        status = ask(runtime)
        assert status.json()["blueprintDigest"] == blueprint.digest
        runtime.files.write_trust(has_operator=False)
        wait_until(lambda: ask(runtime).status_code == 401, "the key's removal")
        runtime.files.write_trust()
        wait_until(lambda: ask(runtime).status_code == 200, "the key's return")
