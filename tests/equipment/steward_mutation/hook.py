"""Changes what pydantic parsed, in this process and in every child that inherits the environment.

`STEWARD_MUTATE` names the field and `STEWARD_MUTATE_VALUE` what it becomes (JSON), if not its
default. The classes are wrapped when their modules are imported, so nothing is loaded early.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

FIELD_VARIABLE: Final = "STEWARD_MUTATE"
VALUE_VARIABLE: Final = "STEWARD_MUTATE_VALUE"
LAST_OF_THE_KINDS: Final = "steward_api.v1alpha1"
BLUEPRINT: Final = "steward_api.blueprint"

_Change = Callable[[Any], Any]


class MutatingValidator:
    """Stands in for a class's validator and changes what it returns."""

    def __init__(self, inner: Any, change: _Change) -> None:
        self._inner = inner
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def validate_python(self, value: Any, *arguments: Any, **options: Any) -> Any:
        """Parse Python values; a constructor's own instance is changed in place."""
        result = self._change(self._inner.validate_python(value, *arguments, **options))
        own = options.get("self_instance")
        if own is None:
            return result
        object.__setattr__(own, "__dict__", result.__dict__)
        return own

    def validate_json(self, value: Any, *arguments: Any, **options: Any) -> Any:
        """Parse JSON text."""
        return self._change(self._inner.validate_json(value, *arguments, **options))

    def validate_strings(self, value: Any, *arguments: Any, **options: Any) -> Any:
        """Parse a mapping of strings."""
        return self._change(self._inner.validate_strings(value, *arguments, **options))


def wrap(model: Any, change: _Change) -> Callable[[], None]:
    """Change everything that a class parses from now on; call the result to undo it."""
    inner = model.__pydantic_validator__
    model.__pydantic_validator__ = MutatingValidator(inner, change)

    def undo() -> None:
        model.__pydantic_validator__ = inner

    return undo


def wrap_kinds(field: str, becomes: Any) -> list[Callable[[], None]]:
    """Wrap the kind that holds `field`, and each class that only it holds."""
    from steward_mutation.paths import apply_reset, plan_resets

    def changer(steps: tuple[str, ...], value: Any) -> _Change:
        return lambda parsed: apply_reset(parsed, steps, value)

    return [
        wrap(reset.owner, changer(reset.steps, reset.value))
        for reset in plan_resets(field, becomes)
    ]


def wrap_blueprint(field: str, becomes: Any) -> list[Callable[[], None]]:
    """Wrap the Blueprint's classes around the counterpart of `field`, if it has one."""
    from steward_mutation.blueprint_resets import plan_blueprint_resets
    from steward_mutation.paths import apply_reset

    def changer(steps: tuple[str, ...], value: Any) -> _Change:
        return lambda parsed: apply_reset(parsed, steps, value)

    return [
        wrap(reset.owner, changer(reset.steps, reset.value))
        for reset in plan_blueprint_resets(field, becomes)
    ]


@contextmanager
def mutated(field: str, becomes: Any = None) -> Iterator[None]:
    """Reset one field in this process for a while."""
    undo = [*wrap_kinds(field, becomes), *wrap_blueprint(field, becomes)]
    try:
        yield
    finally:
        for step in reversed(undo):
            step()


class _AfterImport(Loader):
    """Runs a module's own loader, then something of ours."""

    def __init__(self, inner: Loader, then: Callable[[], object]) -> None:
        self._inner = inner
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        self._then()


class _Finder(MetaPathFinder):
    """Finds the modules whose classes are to be wrapped."""

    def __init__(self, field: str, becomes: Any) -> None:
        self._actions: dict[str, Callable[[], object]] = {
            LAST_OF_THE_KINDS: lambda: wrap_kinds(field, becomes),
            BLUEPRINT: lambda: wrap_blueprint(field, becomes),
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        action = self._actions.pop(name, None)
        if action is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _AfterImport(spec.loader, action)
        return spec


def install() -> None:
    """Read the environment, and wrap the classes as soon as their modules are imported."""
    field = os.environ.get(FIELD_VARIABLE)
    if field:
        value = os.environ.get(VALUE_VARIABLE)
        sys.meta_path.insert(0, _Finder(field, json.loads(value) if value else None))
