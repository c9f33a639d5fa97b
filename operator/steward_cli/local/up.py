"""`steward up DIR`: the children of the plan as processes of this machine, until a signal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from steward_api.blueprint import Blueprint
from steward_cli.local.child import Say
from steward_cli.local.declaration import LocalDeclaration, gather_declaration
from steward_cli.local.embedder_server import check_embedder
from steward_cli.local.endpoint import UserEndpoint, parse_endpoint
from steward_cli.local.errors import LocalError
from steward_cli.local.files import (
    apply_bindings,
    apply_credentials,
    apply_endpoint_credential,
    apply_files,
    apply_folders,
)
from steward_cli.local.greeting import Greeting, render_greeting
from steward_cli.local.identity import Identity, gather_identity
from steward_cli.local.layout import StateFolder, resolve_state_folder
from steward_cli.local.leftovers import apply_end
from steward_cli.local.model_server import check_engine, resolve_weights
from steward_cli.local.planning import Found, gather_assistant, plan_found
from steward_cli.local.ports import LOOPBACK, gather_free_port
from steward_cli.local.programs import LocalPlan, Schedule, plan_local
from steward_cli.local.receipts import ReceiptLoop
from steward_cli.local.record import PurgeRecord, RunRecord, RunState, gather_record, hold_lock
from steward_cli.local.schedules import PurgeTimer
from steward_cli.local.specs import (
    LocalPorts,
    Site,
    build_bindings,
    build_model_specs,
    build_purge_spec,
    build_runtime_spec,
    build_service_specs,
    has_local_embedder,
    list_local_models,
)
from steward_cli.local.supervise import Cast, Supervisor
from steward_operator.apply.material import build_material
from steward_operator.names import HTTP_PORT

KEY_FILE: Final = Path("keys", "api", "apiKey")


@dataclass(frozen=True, slots=True)
class UpRequest:
    """What the user asked for."""

    folder: Path
    environment: Mapping[str, str]
    state: Path | None = None
    """Folder for the state; the assistant gets a folder of its own below it."""
    assistant: str | None = None
    """Which Assistant, where the folder declares several."""
    port: int | None = None
    """Port of the API; else that of the last run, else 8080, else any free one."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything on disk and decided; only processes are missing."""

    site: Site
    plan: LocalPlan
    declaration: LocalDeclaration
    endpoint: UserEndpoint | None
    identity: Identity
    state_option: Path | None


def run_up(request: UpRequest, say: Say, clock: Callable[[], datetime]) -> int:
    """Run the assistant of a folder until SIGINT or SIGTERM; return the exit code.

    Raises:
        LocalError: if something has to be mended first; nothing is left running.
    """
    folder = request.folder.resolve()
    found = gather_assistant(folder, request.assistant)
    declaration = gather_declaration(folder)
    endpoint = parse_endpoint(request.environment)
    state = resolve_state_folder(found.name, request.environment, state=request.state)
    with hold_lock(state):
        for name in apply_end(state):
            say(f"ended {name}, left over from a supervisor that was killed")
        prepared = _prepare(request, state, found, (declaration, endpoint), clock())
        try:
            return asyncio.run(_serve(prepared, say, clock))
        except* LocalError as group:
            raise _first(group) from None


def _prepare(
    request: UpRequest,
    state: StateFolder,
    found: Found,
    said: tuple[LocalDeclaration, UserEndpoint | None],
    now: datetime,
) -> Prepared:
    declaration, endpoint = said
    apply_folders(state)
    identity = gather_identity(state)
    plan = plan_local(plan_found(found, uid=identity.uid, keys=(identity.trusted,), now=now))
    _check_models(plan.blueprint, endpoint)
    apply_files(state, plan, build_material)
    folder = request.folder.resolve()
    apply_credentials(state, plan, declaration, folder)
    apply_endpoint_credential(state, endpoint)
    ports = _choose_ports(request, state, declaration)
    apply_bindings(state, build_bindings(plan.blueprint, ports, endpoint))
    site = Site(state, folder, found.namespace, request.environment, ports)
    return Prepared(site, plan, declaration, endpoint, identity, request.state)


def _check_models(blueprint: Blueprint, endpoint: UserEndpoint | None) -> None:
    """Say what is missing before anything is started."""
    if endpoint is None and list_local_models(blueprint):
        check_engine()
        resolve_weights()
    if has_local_embedder(blueprint):
        check_embedder()


def _choose_ports(
    request: UpRequest, state: StateFolder, declaration: LocalDeclaration
) -> LocalPorts:
    last = gather_record(state)
    last_port = int(last.endpoint.removesuffix("/v1").rpartition(":")[2]) if last else None
    taken: list[int] = []

    def choose(wanted: int | None = None) -> int:
        taken.append(gather_free_port(wanted, taken=frozenset(taken)))
        return taken[-1]

    return LocalPorts(
        http=choose(request.port or last_port or HTTP_PORT),
        admin=choose(),
        metrics=choose(),
        model=choose(),
        embedder=choose(),
        services={service.host: choose() for service in declaration.services},
    )


async def _serve(prepared: Prepared, say: Say, clock: Callable[[], datetime]) -> int:
    site, plan = prepared.site, prepared.plan
    record = _build_record(prepared)
    cast = _build_cast(prepared)
    supervisor = Supervisor(site.state, cast, record, say)
    timer = _build_timer(site, plan.purge, say, clock)
    receipts = ReceiptLoop(
        site.state, site.namespace, record.admin_url, prepared.identity, say, clock
    )
    greeting = Greeting(
        record,
        site.state.logs,
        prepared.state_option,
        is_bundled=_is_bundled(prepared),
        is_served=cast.runtime is not None,
    )
    names = ", ".join(spec.name for spec in cast.all) or "the purge schedule"
    say(f"starting {names} for {site.state.name} in {site.state.root}")
    loops = (receipts.keep,) if cast.runtime else ()
    return await supervisor.run(timer, loops, render_greeting(greeting))


def _build_cast(prepared: Prepared) -> Cast:
    """Choose the children: none of them while the Assistant is suspended."""
    site, plan = prepared.site, prepared.plan
    if plan.runtime is None:
        return Cast((), None)
    services = build_service_specs(site, prepared.declaration)
    models = build_model_specs(site, plan.blueprint, prepared.endpoint)
    return Cast((*services, *models), build_runtime_spec(site, plan.runtime))


def _build_timer(
    site: Site, schedule: Schedule | None, say: Say, clock: Callable[[], datetime]
) -> PurgeTimer | None:
    if schedule is None:
        return None
    return PurgeTimer(schedule, build_purge_spec(site, schedule.program), say=say, clock=clock)


def _build_record(prepared: Prepared) -> RunRecord:
    site, plan = prepared.site, prepared.plan
    purge = plan.purge
    return RunRecord(
        assistant=site.state.name,
        state=RunState.STARTING,
        pid=os.getpid(),
        folder=str(site.folder),
        endpoint=f"http://{LOOPBACK}:{site.ports.http}/v1",
        admin_url=f"http://{LOOPBACK}:{site.ports.admin}",
        metrics_url=f"http://{LOOPBACK}:{site.ports.metrics}/metrics",
        key_file=str(site.state.config / KEY_FILE),
        blueprint_digest=plan.blueprint.digest,
        model=_name_model(prepared),
        services={host: f"{LOOPBACK}:{port}" for host, port in site.ports.services.items()},
        purge=PurgeRecord(schedule=purge.cron, arguments=purge.program.arguments)
        if purge
        else None,
    )


def _is_bundled(prepared: Prepared) -> bool:
    return prepared.endpoint is None and bool(list_local_models(prepared.plan.blueprint))


def _name_model(prepared: Prepared) -> str:
    models = prepared.plan.blueprint.models
    if prepared.endpoint is not None and list_local_models(prepared.plan.blueprint):
        return f"{prepared.endpoint.model_name} at {prepared.endpoint.base_url}"
    return ", ".join(model.model_name for model in models)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first error inside nested groups: one failed child is what the user must know."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
