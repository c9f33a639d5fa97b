"""Builds the public application and serves it on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.routing import BaseRoute

from steward_api.blueprint import Denial
from steward_doors.turns import GENERATED_KEY, ScriptedMemories, ScriptedTurns
from steward_runtime.clock import SystemClock
from steward_runtime.limits.queue import Places
from steward_runtime.limits.rate import Rate
from steward_runtime.server.admission import Admission, RateLimiter
from steward_runtime.server.app import build_public_app
from steward_runtime.server.auth import Keys, build_generated_entry
from steward_runtime.server.body import BodyBudget
from steward_runtime.server.health import Readiness
from steward_runtime.server.parts import Identity, PublicParts
from steward_runtime.server.serving import Listening, Servers
from steward_runtime.telemetry.metrics import Metrics
from steward_runtime.telemetry.spans import PlainTracer


@dataclass(frozen=True)
class Setting:
    """What a test varies about the door."""

    concurrent: int = 8
    queued: int = 8
    requests_per_minute: int = 60_000
    request_bytes: int = 4_096
    bodies_bytes: int = 1_048_576
    heartbeat_seconds: float = 10.0
    queue_seconds: float = 10.0
    denial: Denial | None = None


@dataclass(frozen=True)
class Doors:
    """The running application and what is behind it."""

    client: httpx.AsyncClient
    turns: ScriptedTurns
    memories: ScriptedMemories
    metrics: Metrics
    readiness: Readiness
    port: int
    routes: tuple[BaseRoute, ...]


@asynccontextmanager
async def build_doors(folder: Path, setting: Setting) -> AsyncIterator[Doors]:
    """Serve the public application with a scripted driver."""
    (folder / "apiKey").write_text(GENERATED_KEY)
    monotonic = SystemClock().monotonic_seconds
    turns, memories, metrics, readiness = (
        ScriptedTurns(),
        ScriptedMemories(),
        Metrics(),
        Readiness(),
    )
    parts = PublicParts(
        identity=Identity("helpdesk", "team-a", "sha256:0", 1_700),
        denial=lambda: setting.denial,
        keys=Keys(
            folder / "apiKey",
            folder / "bound",
            monotonic,
            lambda path: build_generated_entry(path.read_text()),
        ),
        pseudonym=lambda kind, name: f"{kind}:{name}",
        turns=turns,
        memories=memories,
        rates=RateLimiter(Rate(setting.requests_per_minute), monotonic),
        admission=Admission(Places(setting.concurrent, setting.queued), monotonic, metrics),
        bodies=BodyBudget(setting.bodies_bytes),
        tracer=PlainTracer(lambda size: b"\x07" * size),
        meter=metrics,
        monotonic_seconds=monotonic,
        request_bytes=setting.request_bytes,
        queue_seconds=setting.queue_seconds,
        heartbeat_seconds=setting.heartbeat_seconds,
    )
    readiness.open()
    app = build_public_app(parts, readiness)
    servers = Servers((Listening("http", app, "127.0.0.1", 0),))
    await servers.start()
    headers = {"Authorization": f"Bearer {GENERATED_KEY}"}
    url = f"http://127.0.0.1:{servers.ports['http']}"
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            port = servers.ports["http"]
            yield Doors(client, turns, memories, metrics, readiness, port, app.routes)
    finally:
        await servers.stop()
