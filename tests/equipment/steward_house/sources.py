"""Which files the repository has, and what its Python modules define and import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
PACKAGE_ROOTS: Final = ("crds", "operator", "runtime")
"""Folders whose sub-folders are our packages."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file; `name` is its dotted name for product code and its path elsewhere."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def place(self) -> str:
        """Path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_package(self) -> bool:
        """True for the `__init__` of a package."""
        return self.path.name == "__init__.py"

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def imports(self) -> frozenset[str]:
        """Return the dotted names of everything imported, lazily or not."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        return frozenset(found)

    def imported_roots(self) -> frozenset[str]:
        """Return the top-level packages that are imported."""
        return frozenset(name.partition(".")[0] for name in self.imports())


@lru_cache(maxsize=1)
def gather_files() -> tuple[Path, ...]:
    """Return every file that git tracks or would track, sorted.

    Raises:
        subprocess.CalledProcessError: if the folder is not a git checkout.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted(path for path in set(paths) if path.is_file()))


@lru_cache(maxsize=1)
def gather_modules() -> tuple[Module, ...]:
    """Return every Python file of the repository."""
    return tuple(_read(path) for path in gather_files() if path.suffix == ".py")


def gather_product_modules() -> tuple[Module, ...]:
    """Return the modules of the packages that we ship."""
    return tuple(m for m in gather_modules() if m.place.partition("/")[0] in PACKAGE_ROOTS)


def _read(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_product = parts[0] in PACKAGE_ROOTS
    name = ".".join(parts[1:]).removesuffix(".__init__") if is_product else "/".join(parts)
    return Module(path=path, name=name, text=text, tree=ast.parse(text))
