"""Docstrings and comments: every room states its law, every exception its reason."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from steward_house.reporting import expect_none
from steward_house.sources import Module, gather_modules

ROOM_LINES_MIN, ROOM_LINES_MAX = 3, 10
EXCEPTION = re.compile(r"#\s*(?:noqa:\s*[A-Z0-9, ]+|type:\s*ignore\[[^\]]+\])(?P<reason>.*)$")
BARE_EXCEPTION = re.compile(r"#\s*(?:noqa(?!:)|type:\s*ignore(?!\[))")


def comments_of(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_every_module_says_what_it_is() -> None:
    """The docstring of a module is the first thing a reader sees."""
    expect_none([m.place for m in gather_modules() if not ast.get_docstring(m.tree)])


def test_every_room_states_its_law() -> None:
    """A package says in 3 to 10 lines what lives here, what may not and who may import it."""
    lengths = {
        module.place: len((ast.get_docstring(module.tree) or "").splitlines())
        for module in gather_modules()
        if module.is_package
    }
    outside = {
        place: lines
        for place, lines in lengths.items()
        if not ROOM_LINES_MIN <= lines <= ROOM_LINES_MAX
    }
    expect_none(outside)


def test_every_public_class_and_function_has_a_docstring() -> None:
    """The first sentence of a docstring says what the thing is or does."""
    bare = [
        f"{module.place}:{node.name}"
        for module in gather_modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    expect_none(bare)


def test_every_exception_from_a_rule_has_code_and_reason() -> None:
    """A suppressed finding says which rule and why, on its line or on the line above."""
    unexplained = []
    for module in gather_modules():
        lines = module.text.splitlines()
        for number, comment in comments_of(module):
            place = f"{module.place}:{number}: {comment}"
            if BARE_EXCEPTION.search(comment):
                unexplained.append(place)
            found = EXCEPTION.search(comment)
            above = lines[number - 2].strip() if number > 1 else ""
            if found and not found["reason"].strip(" -#") and not above.startswith("#"):
                unexplained.append(place)
    expect_none(unexplained)
