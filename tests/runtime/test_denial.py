"""A missing policy denies new work in the running runtime, and a mended one lets it through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from steward_api.blueprint import Denial, Trust
from steward_loopback import wait_until
from steward_model_server import Answer, ModelServer, Received, Say
from steward_serving import ServedRuntime, build_blueprint, build_model, serve

BODY: dict[str, Any] = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}


def _greet(_: Received) -> Answer:
    return Say("Hello.")


def _ask(runtime: ServedRuntime) -> httpx.Response:
    headers = {"Authorization": f"Bearer {runtime.key}"}
    url = f"{runtime.url}/v1/chat/completions"
    return httpx.post(url, json=BODY, headers=headers, trust_env=False)


def test_the_running_runtime_follows_the_trust_document(tmp_path: Path) -> None:
    """A denial in trust.json is obeyed without a restart, and its end too."""
    with ModelServer(_greet) as model:
        blueprint = build_blueprint(build_model(model.base_url))
        with serve(tmp_path, blueprint) as runtime:
            assert _ask(runtime).status_code == 200
            path = runtime.files.root / "trust" / "trust.json"
            before = path.read_bytes()
            denial = Denial(reason="RetentionPolicyMissing", message="RetentionPolicy gone")
            trust = Trust.model_validate_json(before).model_copy(update={"denial": denial})
            text = trust.model_dump_json(by_alias=True, exclude_none=True)
            runtime.files.write("trust/trust.json", text.encode())
            wait_until(lambda: _ask(runtime).status_code == 503, "a denial", 20)
            assert _ask(runtime).json()["error"]["code"] == "PolicyMissing"
            runtime.files.write("trust/trust.json", before)
            wait_until(lambda: _ask(runtime).status_code == 200, "the end of the denial", 20)
