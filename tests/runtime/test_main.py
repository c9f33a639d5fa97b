"""The command `steward-runtime`: arguments, exit codes, a lean start, and the way down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_loopback import wait_until
from steward_model_server import Hang, ModelServer, Say
from steward_serving import ServedRuntime, build_blueprint, build_model, serve

HEAVY = ("openai", "chromadb", "mcp", "kubernetes", "grpc", "numpy", "opentelemetry.sdk", "kopf")
MODULES_MAX = 750
"""Modules after start and a turn. Measured: 660 on Python 3.11, 703 on 3.13, whose standard library
is cut finer; a heavy package adds hundreds."""
BODY = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """Run the scripted model."""
    with ModelServer() as server:
        yield server


def _client(runtime: ServedRuntime) -> httpx.Client:
    headers = {"Authorization": f"Bearer {runtime.key}"}
    return httpx.Client(base_url=runtime.url, headers=headers, trust_env=False, timeout=20)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steward_runtime.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


def test_loads_nothing_heavy_at_start(tmp_path: Path, model: ModelServer) -> None:
    """After a start and a whole turn no package is loaded that only some assistants need."""
    probe = tmp_path / "probe"
    probe.mkdir()
    (probe / "sitecustomize.py").write_text(_PROBE)
    environment = {"PYTHONPATH": str(probe), "PROBE_FILE": str(tmp_path / "modules")}
    blueprint = build_blueprint(build_model(model.base_url))
    with serve(tmp_path / "r", blueprint, environment=environment) as runtime:
        model.play([Say("Hello")])
        with _client(runtime) as client:
            assert client.post("/v1/chat/completions", json=BODY).status_code == 200
        runtime.stop()
    loaded = (tmp_path / "modules").read_text().splitlines()
    heavy = [name for name in loaded if name.startswith(HEAVY) and not name.endswith("_")]
    assert heavy == []
    assert len(loaded) <= MODULES_MAX


_PROBE = """
import atexit, os, sys
atexit.register(
    lambda: open(os.environ["PROBE_FILE"], "w").write("\\n".join(sorted(sys.modules)))
)
"""


def test_explains_its_arguments() -> None:
    """Help names both commands; an unknown one is refused with exit code 2."""
    done = _run("--help")
    assert (done.returncode, "serve" in done.stdout) == (0, True)
    assert _run("dance").returncode == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("blueprint/blueprint.json", None, "blueprint.json cannot be read"),
        ("blueprint/blueprint.json", b"{", "blueprint.json is not JSON"),
        ("blueprint/blueprint.json", b'{"schemaVersion": 2, "x": 1}', "schema version 2"),
        ("blueprint/blueprint.json", b'{"schemaVersion": 1, "x": 1}', "is misshapen: assistant"),
        ("keys/encryption/kek", None, "kek is absent or empty"),
        ("keys/encryption/kek", b"AAAA", "32"),
        ("keys/encryption/kek", b"%%%", "kek is not base64"),
        ("keys/encryption/generation", b"two", "generation holds no generation"),
        ("keys/api/apiKey", None, "apiKey is absent or empty"),
    ],
)
def test_refuses_to_start_on_a_file_that_it_cannot_use(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """One sentence names the file and what to do; exit code 2; no traceback; nothing served."""
    runtime = ServedRuntime(tmp_path)
    runtime.files.write_all(build_blueprint(build_model("http://127.0.0.1:9/v1")))
    if content is None:
        (runtime.files.root / name).unlink()
    else:
        runtime.files.write(name, content)
    runtime.start(is_waiting=False)
    assert runtime.wait() == 2
    assert said in runtime.stderr()
    assert runtime.stderr().count("\n") == 1
    assert "Traceback" not in runtime.log_text()
    assert runtime.logs()[-1]["event"] == "Refused"


def test_refuses_bindings_without_local(tmp_path: Path) -> None:
    """What sends requests elsewhere than the Blueprint says is for laptops alone."""
    runtime = ServedRuntime(tmp_path, arguments=("--host", "127.0.0.1"))
    runtime.files.write_all(build_blueprint(build_model("http://127.0.0.1:9/v1")))
    runtime.files.write_bindings(hosts={"a.example": "127.0.0.1:1"})
    runtime.start(is_waiting=False)
    assert runtime.wait() == 2
    assert "--local" in runtime.stderr()


def test_refuses_a_port_that_is_taken(tmp_path: Path, model: ModelServer) -> None:
    """The sentence names the port and the option; exit code 2."""
    runtime = ServedRuntime(tmp_path)
    runtime.files.write_all(build_blueprint(build_model(model.base_url)))
    runtime.port = model.port
    runtime.start(is_waiting=False)
    assert runtime.wait() == 2
    assert f"Port {model.port} for http" in runtime.stderr()


def test_refuses_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in place of the folder ends the start with a sentence."""
    runtime = ServedRuntime(tmp_path)
    runtime.files.write_all(build_blueprint(build_model("http://127.0.0.1:9/v1")))
    runtime.data.write_text("not a folder")
    runtime.start(is_waiting=False)
    assert runtime.wait() in {1, 2}
    assert "Traceback" not in runtime.log_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_finishes_what_runs_before_it_stops(
    tmp_path: Path, model: ModelServer, number: signal.Signals
) -> None:
    """A signal closes readiness, the running reply arrives, a new one is refused, exit code 0."""
    blueprint = build_blueprint(build_model(model.base_url))
    with serve(tmp_path, blueprint) as runtime, _client(runtime) as client:
        model.play([Say("Still here.", pieces=4, pause_seconds=0.4)])
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(client.post("/v1/chat/completions", json=BODY))
        )
        asking.start()
        wait_until(lambda: model.received, "the model call")
        assert runtime.process is not None
        runtime.process.send_signal(number)
        wait_until(lambda: _probe(runtime) == (503, "Draining"), "draining")
        refused = httpx.post(
            f"{runtime.url}/v1/chat/completions", json=BODY, headers=client.headers
        )
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ShuttingDown")
        assert "retry-after" in refused.headers
        asking.join()
        assert runtime.wait() == 0
    assert answers[0].json()["choices"][0]["message"]["content"] == "Still here."
    assert runtime.logs()[-1]["event"] == "Stopped"


def test_ends_at_once_on_the_second_signal(tmp_path: Path, model: ModelServer) -> None:
    """Whoever insists does not wait for the drain; the next start takes the task up."""
    blueprint = build_blueprint(build_model(model.base_url))
    model.play([Hang(), Say("Done after all.")])
    with serve(tmp_path, blueprint) as runtime, _client(runtime) as client:
        with client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as going:
            task_id = going.headers["steward-task"]
            wait_until(lambda: model.received, "the model call")
            assert runtime.process is not None
            runtime.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _probe(runtime) == (503, "Draining"), "draining")
            assert runtime.stop(signal.SIGTERM) != 0
        runtime.start()
        outcome = wait_until(lambda: _fetch_ended(client, task_id), "the outcome")
    assert outcome is not None
    assert outcome["completion"]["choices"][0]["message"]["content"] == "Done after all."


def _probe(runtime: ServedRuntime) -> tuple[int, str]:
    response = httpx.get(f"{runtime.url}/readyz", trust_env=False)
    return response.status_code, response.json()["status"]


def _fetch_ended(client: httpx.Client, task_id: str) -> dict[str, Any] | None:
    task: dict[str, Any] = client.get(f"/v1/tasks/{task_id}").json()
    return task if task.get("ended") else None
