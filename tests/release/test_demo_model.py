"""The demo model server: one port, two servers behind it, told apart by path."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_house.sources import ROOT
from steward_loopback import find_free_port, wait_until

SCRIPT = ROOT / "examples" / "model" / "serve.py"
MARKER = "zebra-marker"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The functions of the script, without running it."""
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        (b"POST /v1/embeddings HTTP/1.1", "embedder"),
        (b"POST /v1/embeddings/?a=b HTTP/1.1", "embedder"),
        (b"POST /v1/chat/completions HTTP/1.1", "chat"),
        (b"GET /health HTTP/1.0", "chat"),
        (b"POST /v1/embeddingsx HTTP/1.1", "chat"),
        (b"\x16\x03\x01", None),
        (b"GET / HTTP/2", None),
    ],
)
def test_the_path_chooses_the_server(
    script: dict[str, Any], line: bytes, chosen: str | None
) -> None:
    """Embeddings go to the embedder, everything else to the model, noise to neither."""
    front = script["Front"](script["Backend"]("chat", 1), script["Backend"]("embedder", 2))
    found = front.choose(line + b"\r\nHost: x\r\n\r\n")
    assert (found.module if found else None) == chosen


def test_a_connection_is_for_one_request(script: dict[str, Any]) -> None:
    """The next request on it might be for the other server."""
    head = b"POST / HTTP/1.1\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nHost: x\r\n\r\n"
    expected = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert script["close_after_one"](head) == expected


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The server as a process of its own; its address and its log."""
    port, log = find_free_port(), tmp_path / "log"
    behind = ("--chat-port", str(find_free_port()), "--embedder-port", str(find_free_port()))
    command = (sys.executable, str(SCRIPT), "--port", str(port), *behind)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: b"listens on port" in log.read_bytes(), "start", seconds=90)
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.model
def test_chat_streams_and_embeddings_come_from_one_port(
    served: tuple[subprocess.Popen[bytes], str, Path],
) -> None:
    """One kept-alive client gets health, a streamed reply and vectors; none of it is logged."""
    process, url, log = served
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        assert client.get("/health").status_code == 200
        question = {"role": "user", "content": f"Say hello, {MARKER}"}
        body = {"messages": [question], "max_tokens": 8, "stream": True}
        with client.stream("POST", "/v1/chat/completions", json=body) as reply:
            chunks = [line for line in reply.iter_lines() if line.startswith("data: ")]
        assert chunks[-1] == "data: [DONE]"
        assert len(chunks) > 3
        answer = client.post("/v1/embeddings", json={"input": [MARKER, "two"]})
        assert [len(each["embedding"]) for each in answer.json()["data"]] == [384, 384]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert MARKER.encode() not in log.read_bytes()
