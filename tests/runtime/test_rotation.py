"""Rotation seen from outside: a runtime process that is restarted with newer keys."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_loopback import wait_until
from steward_model_server import ModelServer
from steward_previous import unpack_previous
from steward_serving import (
    ServedRuntime,
    build_blueprint,
    build_memory,
    build_model,
    build_segment,
    serve,
)
from steward_serving.files import build_operator_token

MARK = "The lantern is green."


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ServedRuntime]:
    """Serve an assistant that remembers something of Ada."""
    with ModelServer() as model:
        memory = build_memory(build_segment())
        blueprint = build_blueprint(build_model(model.base_url), memory=memory)
        with serve(tmp_path / "runtime", blueprint) as served:
            assert ask(served, "POST", json={"segment": "facts", "text": MARK}).status_code == 201
            yield served


def ask(runtime: ServedRuntime, method: str, **options: Any) -> httpx.Response:
    """Ask for Ada's memory."""
    return httpx.request(
        method,
        f"{runtime.url}/v1/memories",
        headers={"Authorization": f"Bearer {runtime.key}", "Steward-Subject": "ada"},
        trust_env=False,
        **options,
    )


def remembers(runtime: ServedRuntime) -> bool:
    """Say whether Ada's record is found."""
    return [each["text"] for each in ask(runtime, "GET").json()["data"]] == [MARK]


def read_status(runtime: ServedRuntime) -> dict[str, Any]:
    """Return what the runtime says of itself."""
    token = build_operator_token("status", time.time_ns() // 1_000_000_000)
    answer = httpx.get(
        f"{runtime.admin_url}/internal/v1/status",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    return dict(answer.json())


def wait_settled(runtime: ServedRuntime, generation: int) -> dict[str, Any]:
    """Wait until every data key is under a generation."""
    wait_until(lambda: read_status(runtime)["encryptionKeyGeneration"] == generation, "it", 30)
    return read_status(runtime)


def read_wraps(runtime: ServedRuntime) -> set[bytes]:
    """Return every wrapped key."""
    uri = f"file:{runtime.data / 'steward.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT wrapped FROM data_keys")}


def test_keeps_what_it_remembers_and_says_when_the_older_key_may_go(
    runtime: ServedRuntime,
) -> None:
    """Then the older one is taken away, and everything is there."""
    assert read_status(runtime)["encryptionKeyGeneration"] == 1
    assert read_status(runtime)["keyChanges"] == []
    before = read_wraps(runtime)
    runtime.stop()
    runtime.files.write_generation(2)
    runtime.start()
    status = wait_settled(runtime, 2)
    assert len(status["keyChanges"]) == 1
    assert remembers(runtime)
    runtime.stop(signal.SIGKILL)
    runtime.files.drop_older()
    runtime.start()
    assert remembers(runtime)
    assert len(read_status(runtime)["keyChanges"]) == 1
    texts = [path.read_bytes() for path in runtime.data.rglob("*") if path.is_file()]
    assert not [wrapped for wrapped in before if any(wrapped in text for text in texts)]


def test_refuses_to_start_without_the_key_that_wrapped_its_data(runtime: ServedRuntime) -> None:
    """Said before serving, and the data is untouched."""
    runtime.stop()
    runtime.files.write_generation(2, is_older_kept=False)
    runtime.start(is_waiting=False)
    assert runtime.wait() == 2
    assert "kek-1" in runtime.stderr()


def test_a_replaced_api_key_goes_on_working_while_it_is_mounted(runtime: ServedRuntime) -> None:
    """Both let the same caller in; without its file the older one is refused."""
    old = runtime.key
    runtime.stop()
    runtime.files.write("keys/older/api/1/apiKey", old.encode())
    runtime.files.write("keys/api/apiKey", b"sk-steward-" + b"n" * 43)
    runtime.start()
    assert remembers(runtime)
    runtime.stop()
    runtime.files.drop_older()
    runtime.start()
    assert ask(runtime, "GET").status_code == 401


def test_the_previous_release_refuses_a_database_whose_key_was_replaced(
    runtime: ServedRuntime,
) -> None:
    """It would make other pseudonyms, and lose everybody's memory; ours goes on afterwards."""
    runtime.stop()
    runtime.files.write_generation(2)
    runtime.start()
    wait_settled(runtime, 2)
    runtime.stop()
    runtime.files.drop_older()
    older = ServedRuntime(runtime.folder, environment=unpack_previous().environment)
    older.start(is_waiting=False)
    assert older.wait() == 2
    assert "newer runtime" in older.stderr()
    runtime.start()
    assert remembers(runtime)
