"""Health and metrics over HTTP: `/livez`, `/readyz` on one port, `/metrics` on another."""

from __future__ import annotations

from typing import Final, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from steward_operator.telemetry import REGISTRY

PASS_SECONDS_MAX: Final = 300.0
"""A pass that runs longer hangs: each of its requests ends after 30 s."""


class Vitals(Protocol):
    """What the engine tells about itself."""

    is_synced: bool
    is_standing_by: bool

    def oldest_pass_seconds(self) -> float:
        """Return how long the longest running pass has run."""


class HealthServer:
    """Two small HTTP servers; a port of 0 is not opened."""

    def __init__(
        self, vitals: Vitals, health_port: int, metrics_port: int, *, host: str | None = None
    ) -> None:
        """Answer from `vitals` on the address `host`; None for all addresses."""
        self._vitals = vitals
        self._host = host
        self._ports = {health_port: self._build_health(), metrics_port: _build_metrics()}
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Open the ports."""
        for port, application in self._ports.items():
            if port:
                runner = web.AppRunner(application, access_log=None)
                await runner.setup()
                await web.TCPSite(runner, self._host, port).start()
                self._runners.append(runner)

    async def stop(self) -> None:
        """Close the ports."""
        for runner in self._runners:
            await runner.cleanup()

    def _build_health(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/livez", self._live)
        application.router.add_get("/readyz", self._ready)
        return application

    async def _live(self, _: web.Request) -> web.Response:
        seconds = self._vitals.oldest_pass_seconds()
        is_alive = seconds < PASS_SECONDS_MAX
        text = "ok" if is_alive else f"a pass has been running for {seconds:.0f} s"
        return web.Response(text=text, status=200 if is_alive else 503)

    async def _ready(self, _: web.Request) -> web.Response:
        is_ready = self._vitals.is_synced or self._vitals.is_standing_by
        text = "ok" if is_ready else "the first lists are not complete"
        return web.Response(text=text, status=200 if is_ready else 503)


def _build_metrics() -> web.Application:
    async def show(_: web.Request) -> web.Response:
        content_type = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(REGISTRY), headers=content_type)

    application = web.Application()
    application.router.add_get("/metrics", show)
    return application
