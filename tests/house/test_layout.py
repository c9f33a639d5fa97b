"""Layout: the folders stay importable, and the names say what is inside."""

from __future__ import annotations

import ast
import re

import pytest

from steward_house.reporting import expect_none
from steward_house.sources import PACKAGE_ROOTS, ROOT, gather_files, gather_modules

BARE_FOLDERS = (*PACKAGE_ROOTS, "charts", "examples", "bench")
"""Folders that must never become packages: `operator/` would hide the standard library's module."""
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def words_of(name: str) -> set[str]:
    """Return the words of a snake_case or PascalCase name in lower case."""
    return {word.lower() for word in WORD.findall(name)}


def test_folders_above_packages_hold_no_init() -> None:
    """With an `__init__.py`, `operator/` would shadow the standard library."""
    stray = [ROOT / folder / "__init__.py" for folder in BARE_FOLDERS]
    expect_none([path for path in stray if path.exists()])


def test_tests_hold_no_init_outside_equipment() -> None:
    """A package `tests.operator` breaks collection; only importable equipment is a package."""
    places = [path.relative_to(ROOT).parts for path in gather_files() if path.name == "__init__.py"]
    stray = [parts for parts in places if parts[0] == "tests" and parts[1] != "equipment"]
    expect_none(stray)
    assert ("tests", "equipment", "__init__.py") not in places


def test_every_folder_of_a_package_is_a_package() -> None:
    """A folder without `__init__.py` would import by accident and miss its docstring."""
    folders = {m.path.parent for m in gather_modules() if m.place.startswith(PACKAGE_ROOTS)}
    bare = {ROOT / root for root in PACKAGE_ROOTS}
    expect_none(sorted(str(f) for f in folders - bare if not (f / "__init__.py").is_file()))


def test_packages_are_at_most_two_folders_deep() -> None:
    """House, room, file: a reader finds things by walking two steps."""
    deep = [
        module.place
        for module in gather_modules()
        if module.place.startswith(PACKAGE_ROOTS) and len(module.place.split("/")) > 4
    ]
    expect_none(deep)


def test_no_file_is_named_after_nothing() -> None:
    """A file called utils or helpers says nothing about what it holds."""
    vague = [path.name for path in gather_files() if words_of(path.stem) & BANNED_NAMES]
    expect_none(vague)


def test_nothing_defined_is_named_after_nothing() -> None:
    """Classes and functions are named for what they are or do."""
    vague = [
        f"{module.place}:{node.name}"
        for module in gather_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and words_of(node.name) & {"utils", "util", "helpers", "helper", "misc"}
    ]
    expect_none(vague)


@pytest.mark.parametrize("name", ["operator", "queue", "types", "logging"])
def test_no_package_hides_the_standard_library(name: str) -> None:
    """A top-level package of ours never has the name of a standard module."""
    tops = {m.name.partition(".")[0] for m in gather_modules() if m.place.startswith(PACKAGE_ROOTS)}
    assert name not in tops
