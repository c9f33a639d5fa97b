"""The children of `steward up`: services, model, embedder, runtime and purge runs (pure)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_api.blueprint import Bindings, Blueprint, BlueprintModel, ModelSubstitute
from steward_api.v1alpha1.model import ModelType
from steward_cli.local.child import ChildSpec
from steward_cli.local.declaration import LocalDeclaration, LocalService
from steward_cli.local.endpoint import UserEndpoint
from steward_cli.local.environment import build_environment
from steward_cli.local.files import ENDPOINT_CREDENTIAL
from steward_cli.local.layout import StateFolder
from steward_cli.local.ports import LOOPBACK
from steward_cli.local.programs import Here, Program, build_arguments
from steward_operator.names import ADMIN_PORT_NAME, HTTP_PORT_NAME, METRICS_PORT_NAME, admin_url

MODEL: Final = "model"
EMBEDDER: Final = "embedder"
RUNTIME: Final = "runtime"
PURGE: Final = "purge"
MODEL_START_SECONDS: Final = 120
"""Loading takes 1 to 2 s on an idle machine; a laptop with a cold disk may take far longer."""
PYTHON_WORD: Final = "python"


@dataclass(frozen=True, slots=True)
class LocalPorts:
    """Loopback ports of one run."""

    http: int
    admin: int
    metrics: int
    model: int
    embedder: int
    services: Mapping[str, int]
    """Logical host to port."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where one run takes place."""

    state: StateFolder
    folder: Path
    """Folder with the YAML files."""
    namespace: str
    environment: Mapping[str, str]
    ports: LocalPorts


def build_here(site: Site) -> Here:
    """Say in what this machine differs from the cluster."""
    name, ports = site.state.name, site.ports
    return Here(
        paths=tuple((mount, str(folder)) for mount, folder in site.state.mounts()),
        ports={
            HTTP_PORT_NAME: ports.http,
            ADMIN_PORT_NAME: ports.admin,
            METRICS_PORT_NAME: ports.metrics,
        },
        addresses=(
            ("$(POD_IP)", LOOPBACK),
            (admin_url(name, site.namespace), f"http://{LOOPBACK}:{ports.admin}"),
        ),
        python=sys.executable,
    )


def list_local_models(blueprint: Blueprint) -> tuple[BlueprintModel, ...]:
    """Return the chat models that the bundled one stands for."""
    return tuple(model for model in blueprint.models if model.type is ModelType.LOCAL)


def has_local_embedder(blueprint: Blueprint) -> bool:
    """Say whether memory is searched with the bundled embedder."""
    embedder = blueprint.memory.embedder if blueprint.memory else None
    return embedder is not None and embedder.type is ModelType.LOCAL


def build_bindings(
    blueprint: Blueprint, ports: LocalPorts, endpoint: UserEndpoint | None
) -> Bindings:
    """Map logical hosts and Local models to where they are on this machine."""
    models: dict[str, str] = {}
    substitutes: dict[str, ModelSubstitute] = {}
    for model in list_local_models(blueprint):
        if endpoint is None:
            models[model.name] = f"http://{LOOPBACK}:{ports.model}/v1"
        else:
            models[model.name] = endpoint.base_url
            substitutes[model.name] = ModelSubstitute(
                model_name=endpoint.model_name, credential=ENDPOINT_CREDENTIAL
            )
    if blueprint.memory and blueprint.memory.embedder and has_local_embedder(blueprint):
        models[blueprint.memory.embedder.name] = f"http://{LOOPBACK}:{ports.embedder}/v1"
    return Bindings(
        hosts={host: f"{LOOPBACK}:{port}" for host, port in ports.services.items()},
        models=models,
        model_substitutes=substitutes,
    )


def build_service_specs(site: Site, declaration: LocalDeclaration) -> tuple[ChildSpec, ...]:
    """Build the example's own services."""
    return tuple(_build_service(site, service) for service in declaration.services)


def build_model_specs(
    site: Site, blueprint: Blueprint, endpoint: UserEndpoint | None
) -> tuple[ChildSpec, ...]:
    """Build the model servers that the Blueprint needs here."""
    specs = []
    if endpoint is None and list_local_models(blueprint):
        name = list_local_models(blueprint)[0].model_name
        specs.append(_build_server(site, MODEL, site.ports.model, ("--name", name)))
    if has_local_embedder(blueprint):
        specs.append(_build_server(site, EMBEDDER, site.ports.embedder, ()))
    return tuple(specs)


def build_runtime_spec(site: Site, program: Program) -> ChildSpec:
    """Build the Deployment's container as a process."""
    ready = f"http://{LOOPBACK}:{site.ports.http}{program.ready_path or '/readyz'}"
    return ChildSpec(
        name=RUNTIME,
        command=build_arguments(program, build_here(site), is_runtime=True),
        environment=build_environment(site.environment, site.state, program.environment),
        folder=site.state.root,
        log=site.state.logs / f"{RUNTIME}.log",
        health_url=ready,
        start_seconds=program.ready_seconds,
        grace_seconds=program.grace_seconds,
    )


def build_purge_spec(site: Site, program: Program) -> ChildSpec:
    """Build one run of the CronJob as a process."""
    return ChildSpec(
        name=PURGE,
        command=build_arguments(program, build_here(site), is_runtime=False),
        environment=build_environment(site.environment, site.state, program.environment),
        folder=site.state.root,
        log=site.state.logs / f"{PURGE}.log",
        health_url=None,
        start_seconds=0,
        grace_seconds=program.grace_seconds,
    )


def _build_service(site: Site, service: LocalService) -> ChildSpec:
    port = site.ports.services[service.host]
    places = {
        "{port}": str(port),
        "{data}": str(site.state.services / service.name),
        "{folder}": str(site.folder),
        "{credentials}": str(site.state.config / "credentials"),
    }
    words = [_fill(word, places) for word in service.command]
    if words[0] == PYTHON_WORD:
        words[0] = sys.executable
    return ChildSpec(
        name=service.name,
        command=tuple(words),
        environment=build_environment(site.environment, site.state),
        folder=site.folder,
        log=site.state.logs / f"{service.name}.log",
        health_url=f"http://{LOOPBACK}:{port}{service.health_path}",
        start_seconds=service.start_seconds,
    )


def _build_server(site: Site, name: str, port: int, more: tuple[str, ...]) -> ChildSpec:
    module = f"steward_cli.local.{name}_server"
    return ChildSpec(
        name=name,
        command=(sys.executable, "-m", module, "--port", str(port), *more),
        environment=build_environment(site.environment, site.state),
        folder=site.state.root,
        log=site.state.logs / f"{name}.log",
        health_url=f"http://{LOOPBACK}:{port}/health",
        start_seconds=MODEL_START_SECONDS,
    )


def _fill(word: str, places: Mapping[str, str]) -> str:
    for mark, place in places.items():
        word = word.replace(mark, place)
    return word
