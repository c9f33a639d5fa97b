"""From manifests to a running assistant, by the product's own code at every step."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from steward_api.blueprint import BLUEPRINT_FILE, TRUST_FILE, Blueprint, Denial, Trust
from steward_cli.worlds import build_worlds
from steward_effects.objects import MODEL_HOST, OTHER_MODEL_HOST, TOOL_HOST
from steward_kinds.objects import Manifest
from steward_model_server import ModelServer, Say
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.parsing import parse_object
from steward_operator.plan.world import Broken, Plan
from steward_runtime.journal.journal import Entry
from steward_serving import ConfigFiles, ServedRuntime, read_journal
from steward_tool_server import ToolServer

SUBJECT = {"Steward-Subject": "user:paula"}
ANSWER_SECONDS = 20.0
"""Longer than any deadline that a test sets; what takes longer is answered 0 here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back at the door; status 0 where nothing came in time."""

    status: int
    document: Any
    headers: httpx.Headers


def plan_blueprint(*manifests: Manifest, last: Blueprint | None = None) -> Blueprint:
    """Return the Blueprint that the real plan makes of manifests.

    Raises:
        AssertionError: if the plan makes none; the text holds its conditions.
    """
    return plan_files(*manifests, last=last)[0]


def plan_files(
    *manifests: Manifest, last: Blueprint | None = None
) -> tuple[Blueprint, Denial | None]:
    """Return the Blueprint, and why new work is denied, as the real plan says.

    Raises:
        AssertionError: if the plan makes none; the text holds its conditions.
    """
    plan = plan_manifests(*manifests, last=last)
    data = [child["data"] for child in plan.children if "data" in child]
    files = {name: text for each in data for name, text in each.items()}
    assert BLUEPRINT_FILE in files, (plan.status or {}).get("conditions")
    trust = Trust.model_validate_json(files[TRUST_FILE])
    return Blueprint.model_validate_json(files[BLUEPRINT_FILE]), trust.denial


def plan_manifests(*manifests: Manifest, last: Blueprint | None = None) -> Plan:
    """Return what the real plan makes of an Assistant and what belongs to it."""
    objects = [parse_object(manifest) for manifest in manifests]
    broken = [each.message for each in objects if isinstance(each, Broken)]
    assert not broken, broken
    (world,) = build_worlds(each for each in objects if not isinstance(each, Broken))
    return plan_assistant(replace(world, last_blueprint=last))


class Served:
    """A running assistant and what tests ask of it."""

    def __init__(self, runtime: ServedRuntime) -> None:
        self.runtime = runtime
        self._client = httpx.Client(base_url=runtime.url, timeout=ANSWER_SECONDS, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, text: str = "Hello", *, key: str | None = None, **headers: str) -> Answer:
        """Send one user message as Paula."""
        return self.send([{"role": "user", "content": text}], key=key, **headers)

    def send(
        self, messages: list[dict[str, Any]], *, key: str | None = None, **headers: str
    ) -> Answer:
        """Send messages to the chat door."""
        body = {"model": "desk", "messages": messages}
        return self.request("POST", "/v1/chat/completions", key=key, json=body, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        json: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request with the generated key, or another one."""
        sent = {"Authorization": f"Bearer {key or self.runtime.key}", **SUBJECT, **(headers or {})}
        try:
            answer = self._client.request(method, path, json=json, headers=sent)
        except httpx.TimeoutException:
            return Answer(0, None, httpx.Headers())
        return Answer(answer.status_code, answer.json(), answer.headers)

    def memories(self, query: str = "") -> list[dict[str, Any]]:
        """Return Paula's records of memory; none where there is no such memory."""
        answer = self.request("GET", f"/v1/memories{query}")
        return list(answer.document["data"]) if answer.status == 200 else []

    def stop_and_read_journal(self) -> list[Entry]:
        """Stop the runtime, and return every record of its journal."""
        self.runtime.stop()
        tasks = asyncio.run(read_journal(self.runtime.data))
        return [entry for entries in tasks.values() for entry in entries]


@dataclass(frozen=True, slots=True)
class Chain:
    """The servers around an assistant: two models and a tool, all scripted."""

    folder: Path
    model: ModelServer
    other: ModelServer
    tools: ToolServer

    @contextmanager
    def serve(
        self,
        *manifests: Manifest,
        last: Blueprint | None = None,
        prepare: Callable[[ConfigFiles], None] | None = None,
    ) -> Iterator[Served]:
        """Plan, write the files of the Pod, and run the runtime until the block ends.

        Args:
            manifests: an Assistant and what it names.
            last: the Blueprint that was accepted before.
            prepare: writes Secrets of users before the runtime starts.
        """
        blueprint, denial = plan_files(*manifests, last=last)
        runtime = ServedRuntime(self.folder)
        runtime.files.write_all(blueprint)
        runtime.files.write_trust(denial=denial)
        servers = {MODEL_HOST: self.model, OTHER_MODEL_HOST: self.other, TOOL_HOST: self.tools}
        hosts = {host: server.url.removeprefix("http://") for host, server in servers.items()}
        runtime.files.write_bindings(hosts=hosts)
        if prepare is not None:
            prepare(runtime.files)
        runtime.start()
        served = Served(runtime)
        try:
            yield served
        finally:
            served.close()
            if runtime.process is not None:
                runtime.stop(signal.SIGKILL)  # a hanging turn would be drained for long

    def play(self, *answers: Any) -> None:
        """Let the first model say these one after the other; the other one always says `other`."""
        self.model.play(list(answers))
        self.other.play(lambda _: Say("other"))

    def sent_to_model(self) -> list[Any]:
        """Return the bodies of chat requests that the first model got."""
        return [each.body for each in self.model.received if each.path.endswith("/completions")]

    def system_message(self) -> str:
        """Return the system message of the first request to the first model."""
        bodies = self.sent_to_model()
        messages = bodies[0]["messages"] if bodies else []
        return next((m["content"] for m in messages if m["role"] == "system"), "")
