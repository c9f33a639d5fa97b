"""A full disk: requests are refused, and nothing that was acknowledged is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from steward_model_server import ModelServer, Say
from steward_runtime.config import ConfigFolder
from steward_runtime.storage.database import Database
from steward_runtime.wiring import Runtime, ServeSettings, build_foundation
from steward_serving import ConfigFiles, build_blueprint, build_model
from steward_serving.files import API_KEY

PAGES = 110
"""Pages of 4 KiB: room for the schema and some tasks."""


@asynccontextmanager
async def _serve(folder: Path, page_count_max: int | None) -> AsyncIterator[httpx.AsyncClient]:
    """Serve inside this process, with a database that may have so many pages."""
    settings = ServeSettings(ConfigFolder(folder / "config"), folder / "data", "127.0.0.1", 0, 0, 0)
    foundation = build_foundation(settings)
    if page_count_max is not None:
        foundation.database.close()
        small = Database(settings.data, page_count_max=page_count_max)
        foundation = dataclasses.replace(foundation, database=small)
    runtime = Runtime(settings, foundation)
    await runtime.start()
    url = f"http://127.0.0.1:{runtime.ports['http']}"
    headers = {"Authorization": f"Bearer {API_KEY}"}
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            yield client
    finally:
        await runtime.stop()
        foundation.close()


async def _chat(client: httpx.AsyncClient, number: int) -> httpx.Response:
    messages = [{"role": "user", "content": f"{number}: " + "x" * 1_500}]
    body: dict[str, Any] = {"model": "helpdesk", "messages": messages}
    return await client.post("/v1/chat/completions", json=body)


async def test_refuses_with_503_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Once the disk is full: 503 StorageFull with Retry-After. After a restart with room, every
    reply that was given is still there, and new ones are served.
    """
    with ModelServer(lambda _: Say("Noted.")) as model:
        ConfigFiles(tmp_path / "config").write_all(build_blueprint(build_model(model.base_url)))
        given: list[str] = []
        async with _serve(tmp_path, PAGES) as client:
            for number in range(200):
                response = await _chat(client, number)
                if response.status_code != 200:
                    break
                given.append(response.headers["steward-task"])
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (503, "StorageFull")
            assert "retry-after" in response.headers
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get(f"/v1/tasks/{given[0]}")).status_code == 200
        assert len(given) > 3
        async with _serve(tmp_path, None) as client:
            for task_id in given:
                task = (await client.get(f"/v1/tasks/{task_id}")).json()
                assert task["status"] == "Replied"
                assert task["completion"]["choices"][0]["message"]["content"] == "Noted."
            assert (await _chat(client, 0)).status_code == 200
