"""Adapters of one Blueprint: which class serves which Model and Tool, and how they are wrapped.

With `wiring` the only place that chooses adapters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp

from steward_api.blueprint import Bindings, Blueprint, BlueprintModel, BlueprintTool
from steward_api.v1alpha1.model import ToolCalling
from steward_api.v1alpha1.tool import Effect
from steward_runtime.clock import Clock, Ids
from steward_runtime.config import ConfigRefused
from steward_runtime.models.constrained import ConstrainedModel
from steward_runtime.models.embeddings import OpenAIEmbeddings
from steward_runtime.models.failover import FailoverModel
from steward_runtime.models.observed import ObservedModel
from steward_runtime.models.openai_chat import ChatPlumbing, OpenAIChat
from steward_runtime.models.openai_wire import WireModel
from steward_runtime.tasks.ports import Adapters, ChatModel, Memory, ToolAdapter
from steward_runtime.telemetry.metrics import Metrics
from steward_runtime.telemetry.spans import Tracer, build_trace_headers
from steward_runtime.tools.breaker import BreakerTool
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.credentials import Credentials
from steward_runtime.tools.deadline import DeadlineTool
from steward_runtime.tools.http import HttpPlumbing, HttpTool
from steward_runtime.tools.observed import ObservedTool
from steward_runtime.tools.routes import Route, parse_endpoint, resolve_route
from steward_runtime.tools.toolbox import Toolbox

STRICT_TOKENS_HOST: Final = "api.openai.com"
"""Refuses `max_tokens` for its newer models; other servers may not know the newer name."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class AdapterTools:
    """What every adapter may need."""

    clock: Clock
    ids: Ids
    tracer: Tracer
    metrics: Metrics
    credentials: Credentials
    bindings: Bindings
    is_local: bool


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A Model of the Blueprint as it is reached from here."""

    model: BlueprintModel
    route: Route
    credential: str | None
    model_name: str
    tool_calling: ToolCalling


class AdapterBuilder:
    """Builds adapters; keeps the sessions that they share, to be closed at the end."""

    def __init__(self, tools: AdapterTools) -> None:
        self._tools = tools
        self._sessions: list[aiohttp.ClientSession] = []

    def build_adapters(self, blueprint: Blueprint, memory: Memory | None) -> Adapters:
        """Build the adapters of one Blueprint; call it on the event loop.

        Raises:
            ConfigRefused: if a Local model is bound to no address.
        """
        return Adapters(self._build_model(blueprint), self._build_tools(blueprint), memory)

    def build_embedder(self, model: BlueprintModel) -> OpenAIEmbeddings:
        """Build the embedder of a MemoryPolicy.

        Raises:
            ConfigRefused: if a Local model is bound to no address.
        """
        resolved = self._resolve_model(model)
        plumbing = self._build_plumbing(resolved, self._open_session([resolved]))
        seconds = model.request_timeout_seconds
        return OpenAIEmbeddings(model.name, resolved.model_name, plumbing, seconds)

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions:
            await session.close()

    def _build_model(self, blueprint: Blueprint) -> ChatModel:
        resolved = [self._resolve_model(model) for model in blueprint.models]
        session = self._open_session(resolved)
        models = [(each.model.name, self._wrap_model(each, session)) for each in resolved]
        return FailoverModel(models, self._tools.clock.monotonic_seconds)

    def _wrap_model(self, resolved: ResolvedModel, session: aiohttp.ClientSession) -> ChatModel:
        model, tools = resolved.model, self._tools
        is_strict = resolved.route.actual.host == STRICT_TOKENS_HOST
        wire = WireModel(
            model.name,
            resolved.model_name,
            model.max_output_tokens,
            "max_completion_tokens" if is_strict else "max_tokens",
        )
        plumbing = self._build_plumbing(resolved, session)
        adapter: ChatModel = OpenAIChat(wire, plumbing, model.request_timeout_seconds)
        if resolved.tool_calling is ToolCalling.CONSTRAINED:
            adapter = ConstrainedModel(model.name, adapter, tools.ids)
        monotonic = tools.clock.monotonic_seconds
        return ObservedModel(model.name, adapter, tools.tracer, tools.metrics, monotonic)

    def _build_plumbing(
        self, resolved: ResolvedModel, session: aiohttp.ClientSession
    ) -> ChatPlumbing:
        return ChatPlumbing(
            session=session,
            base_url=resolved.route.url.rstrip("/"),
            host_header=resolved.route.host_header,
            credential_headers=partial(
                self._tools.credentials.build_headers, resolved.credential, resolved.route.logical
            ),
            trace_headers=build_trace_headers,
        )

    def _resolve_model(self, model: BlueprintModel) -> ResolvedModel:
        bindings = self._tools.bindings
        replaced = bindings.models.get(model.name)
        substitute = bindings.model_substitutes.get(model.name)
        if replaced is not None:
            endpoint = parse_endpoint(replaced)
            route = Route(replaced, None, endpoint, endpoint)
        elif model.base_url is not None:
            route = resolve_route(model.base_url, bindings.hosts)
        else:
            raise ConfigRefused(
                f"Model {model.name} is Local and bindings.json binds it to no address. Start it "
                "by `steward up`, or use a Model of type OpenAI."
            )
        if substitute is None:
            credential = model.credential
            return ResolvedModel(model, route, credential, model.model_name, model.tool_calling)
        return ResolvedModel(
            model, route, substitute.credential, substitute.model_name, substitute.tool_calling
        )

    def _build_tools(self, blueprint: Blueprint) -> ToolAdapter:
        routes = {
            tool.name: resolve_route(tool.url, self._tools.bindings.hosts)
            for tool in blueprint.tools
        }
        endpoints = [route.actual for route in routes.values()]
        reading = self._keep(open_session(endpoints))
        acting = self._keep(open_session(endpoints, reuse=False))
        adapters = {}
        for tool in blueprint.tools:
            session = reading if tool.contract.effect is Effect.READ else acting
            adapters[tool.name] = self._wrap_tool(tool, routes[tool.name], session)
        return Toolbox(adapters)

    def _wrap_tool(
        self, tool: BlueprintTool, route: Route, session: aiohttp.ClientSession
    ) -> ToolAdapter:
        tools = self._tools
        credential = partial(tools.credentials.build_headers, tool.credential, route.logical)
        plumbing = HttpPlumbing(session, route, credential, build_trace_headers)
        adapter: ToolAdapter = HttpTool(tool, plumbing)
        adapter = DeadlineTool(adapter, tool.contract.timeout_seconds)
        adapter = BreakerTool(adapter, tools.clock.monotonic_seconds)
        monotonic = tools.clock.monotonic_seconds
        return ObservedTool(adapter, tools.tracer, tools.metrics, monotonic)

    def _open_session(self, resolved: Iterable[ResolvedModel]) -> aiohttp.ClientSession:
        """Open a session; a laptop may need its proxy to get to an endpoint outside."""
        endpoints = [each.route.actual for each in resolved]
        is_outside = any(endpoint.host not in LOOPBACK for endpoint in endpoints)
        is_proxied = self._tools.is_local and is_outside
        return self._keep(open_session(endpoints, is_proxied=is_proxied))

    def _keep(self, session: aiohttp.ClientSession) -> aiohttp.ClientSession:
        self._sessions.append(session)
        return session
