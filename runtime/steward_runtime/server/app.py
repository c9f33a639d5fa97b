"""The three applications: public, administration, metrics."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steward_runtime.server.admin import AdminEndpoints
from steward_runtime.server.chat import ChatEndpoint
from steward_runtime.server.door import Door
from steward_runtime.server.health import Readiness, build_health_routes
from steward_runtime.server.parts import PublicParts
from steward_runtime.server.ports import Meter
from steward_runtime.server.views import Views

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text exposition format."""


def build_public_app(parts: PublicParts, readiness: Readiness) -> Door:
    """Build the application of clients."""
    views = Views(parts)
    routes = [
        Route("/v1/chat/completions", ChatEndpoint(parts), methods=["POST"]),
        Route("/v1/models", views.list_models, methods=["GET"]),
        Route("/v1/models/{id}", views.show_model, methods=["GET"]),
        Route("/openapi.json", views.show_document, methods=["GET"]),
        Route("/v1/tasks/{id}", views.show_task, methods=["GET"]),
        Route("/v1/conversations/{id}", views.show_conversation, methods=["GET"]),
        Route("/v1/memories", views.list_memories, methods=["GET"]),
        Route("/v1/memories", views.add_memory, methods=["POST"]),
        Route("/v1/memories/{id}", views.delete_memory, methods=["DELETE"]),
    ]
    health = build_health_routes(readiness)
    return Door([*routes, *health], parts.meter, parts.monotonic_seconds)


def build_admin_app(
    endpoints: AdminEndpoints,
    readiness: Readiness,
    meter: Meter,
    monotonic_seconds: Callable[[], float],
) -> Door:
    """Build the application of operators and the purge Job."""
    routes = [*endpoints.build_routes(), *build_health_routes(readiness)]
    return Door(routes, meter, monotonic_seconds)


def build_metrics_app(
    readiness: Readiness, meter: Meter, monotonic_seconds: Callable[[], float]
) -> Door:
    """Build the application that Prometheus scrapes."""

    async def show_metrics(_: Request) -> Response:
        return Response(meter.render(), headers={"content-type": METRICS_TYPE})

    routes = [
        Route("/metrics", show_metrics, methods=["GET"]),
        *build_health_routes(readiness),
    ]
    return Door(routes, meter, monotonic_seconds)
