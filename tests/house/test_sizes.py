"""Sizes: what is too long to read at once is split."""

from __future__ import annotations

from steward_house.reporting import expect_none
from steward_house.sources import Function, gather_modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def lines_of(function: Function) -> int:
    """Return the lines of a function without its decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_module_is_longer_than_the_limit() -> None:
    """A module of more than 400 lines holds more than one idea."""
    sizes = {module.place: len(module.text.splitlines()) for module in gather_modules()}
    expect_none({place: size for place, size in sizes.items() if size > MODULE_LINES_MAX})


def test_no_function_is_longer_than_the_limit() -> None:
    """A function of more than 70 lines does not fit on a screen."""
    sizes = {
        f"{module.place}:{function.name}": lines_of(function)
        for module in gather_modules()
        for function in module.functions()
    }
    expect_none({place: size for place, size in sizes.items() if size > FUNCTION_LINES_MAX})
