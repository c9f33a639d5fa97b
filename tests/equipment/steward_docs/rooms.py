"""The rooms of the architecture page: one paragraph per package, which is its docstring."""

from __future__ import annotations

import ast
from typing import Final

from steward_house.sources import Module, gather_product_modules

BEGIN: Final = "<!-- rooms: written by `make docs` from the packages' docstrings -->"
END: Final = "<!-- end of rooms -->"


def render_architecture(page: str) -> str:
    """Return the page with the part between the marks written anew.

    Raises:
        ValueError: if a mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the architecture page must hold the marks {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{render_rooms()}\n{END}{after}"


def render_rooms() -> str:
    """Return a section per house and a paragraph per room."""
    parts: list[str] = []
    for module in sorted(_packages(), key=lambda module: module.name):
        level = "##" if "." not in module.name else "###"
        parts.append(f"{level} `{module.name}`\n\n{_paragraphs(module)}\n")
    return "\n".join(parts)


def _packages() -> list[Module]:
    return [module for module in gather_product_modules() if module.is_package]


def _paragraphs(module: Module) -> str:
    text = ast.get_docstring(module.tree) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
