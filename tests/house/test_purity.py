"""Purity: rooms that decide touch nothing, and every room says which sort it is."""

from __future__ import annotations

import ast
import sys
from fnmatch import fnmatchcase

from steward_house.reporting import expect_none
from steward_house.sources import gather_product_modules

PURE = (
    "steward_api",
    "steward_api.*",
    "steward_operator.chart",
    "steward_operator.chart.*",
    "steward_operator.children",
    "steward_operator.children.*",
    "steward_operator.compare",
    "steward_operator.doctor.findings",
    "steward_operator.labels",
    "steward_operator.names",
    "steward_operator.objects",
    "steward_operator.plan",
    "steward_operator.plan.*",
    "steward_operator.rbac",
    "steward_operator.settings",
    "steward_runtime.audit.chain",
    "steward_runtime.journal.records",
    "steward_runtime.labels",
    "steward_runtime.limits",
    "steward_runtime.limits.*",
    "steward_runtime.memory.hybrid",
    "steward_runtime.memory.lexical",
    "steward_runtime.memory.segments",
    "steward_runtime.policy",
    "steward_runtime.policy.*",
    "steward_runtime.prompts",
    "steward_runtime.prompts.*",
    "steward_runtime.retention.plan",
    "steward_runtime.retention.proof",
    "steward_runtime.retention.windows",
    "steward_runtime.telemetry.names",
    "steward_runtime.turn",
    "steward_runtime.turn.*",
    "*.errors",
)
"""Rooms and modules that are functions of their arguments; patterns may name what is yet to come.
"""
TOUCHES_THE_WORLD = (
    "steward_api.manifest",
    "steward_cli",
    "steward_cli.*",
    "steward_operator",
    "steward_operator.apply",
    "steward_operator.apply.*",
    "steward_operator.archive",
    "steward_operator.archive.*",
    "steward_operator.archiving",
    "steward_operator.chart.__main__",
    "steward_operator.contract",
    "steward_operator.contract.*",
    "steward_operator.doctor",
    "steward_operator.doctor.examine",
    "steward_operator.doctor.probe",
    "steward_operator.gather",
    "steward_operator.gather.*",
    "steward_operator.health",
    "steward_operator.kube",
    "steward_operator.kube.*",
    "steward_operator.main",
    "steward_operator.options",
    "steward_operator.pump",
    "steward_operator.pump.*",
    "steward_operator.telemetry",
    "steward_runtime",
    "steward_runtime.audit",
    "steward_runtime.audit.*",
    "steward_runtime.clock",
    "steward_runtime.config",
    "steward_runtime.crypto",
    "steward_runtime.crypto.*",
    "steward_runtime.journal",
    "steward_runtime.journal.*",
    "steward_runtime.main",
    "steward_runtime.memory",
    "steward_runtime.memory.*",
    "steward_runtime.models",
    "steward_runtime.models.*",
    "steward_runtime.retention",
    "steward_runtime.retention.*",
    "steward_runtime.server",
    "steward_runtime.server.*",
    "steward_runtime.storage",
    "steward_runtime.storage.*",
    "steward_runtime.tasks",
    "steward_runtime.tasks.*",
    "steward_runtime.telemetry",
    "steward_runtime.telemetry.*",
    "steward_runtime.tools",
    "steward_runtime.tools.*",
    "steward_runtime.watched",
    "steward_runtime.wiring*",
)
"""Everything else. Where both lists match, the longer pattern decides."""

FORBIDDEN = {
    "aiohttp", "asyncio", "concurrent", "contextvars", "ctypes", "ftplib", "getpass", "glob",
    "http", "httpx", "io", "kopf", "kubernetes", "logging", "multiprocessing", "openai", "os",
    "pathlib", "platform", "random", "requests", "sched", "secrets", "select", "selectors",
    "shutil", "signal", "socket", "sqlite3", "ssl", "starlette", "structlog", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib3", "uvicorn", "yaml",
}  # fmt: skip
"""Clocks, randomness, the environment, the network, files, processes and logs."""


FORBIDDEN_CALLS = {"open", "input", "print", ".now", ".utcnow", ".today"}
"""Builtins by name, methods with a leading dot."""


def called_name(call: ast.Call) -> str:
    """Return what is called: `name` for a plain name, `.name` for a method."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return f".{name}"
    return ""


def longest_match(name: str, patterns: tuple[str, ...]) -> int:
    """Return the length of the most exact pattern that matches, 0 for none."""
    return max((len(p) for p in patterns if fnmatchcase(name, p)), default=0)


def is_pure(name: str) -> bool:
    """Tell whether a module of ours is declared pure."""
    return longest_match(name, PURE) > longest_match(name, TOUCHES_THE_WORLD)


def test_every_room_is_declared_pure_or_not() -> None:
    """A new room is added to one of the two lists on purpose."""
    undeclared = [
        module.name
        for module in gather_product_modules()
        if longest_match(module.name, PURE) == longest_match(module.name, TOUCHES_THE_WORLD)
    ]
    expect_none(undeclared)


def test_pure_rooms_import_nothing_that_touches_the_world() -> None:
    """Clock, randomness, environment and effects come in as arguments."""
    found = {
        module.name: sorted(module.imported_roots() & FORBIDDEN)
        for module in gather_product_modules()
        if is_pure(module.name) and module.imported_roots() & FORBIDDEN
    }
    expect_none(found)


def test_pure_rooms_open_no_file_and_read_no_clock() -> None:
    """Builtins and classmethods reach the world without an import of their own."""
    found = [
        f"{module.name}:{call.lineno}"
        for module in gather_product_modules()
        if is_pure(module.name)
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and called_name(call) in FORBIDDEN_CALLS
    ]
    expect_none(found)


def test_forbidden_modules_are_spelled_as_python_spells_them() -> None:
    """A misspelt entry would forbid nothing."""
    ours = {
        "aiohttp", "httpx", "kopf", "kubernetes", "openai", "requests", "starlette", "structlog",
        "urllib3", "uvicorn", "yaml",
    }  # fmt: skip
    assert FORBIDDEN - ours <= set(sys.stdlib_module_names)
