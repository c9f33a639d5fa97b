"""Pages: what is generated is up to date, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steward_docs.__main__ import find_stale
from steward_docs.rooms import BEGIN, END, render_architecture
from steward_house.reporting import expect_none
from steward_house.sources import ROOT, gather_files

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)|src=\"(?!https?:)([^\"]+)\"")
MAKE_WORD = re.compile(r"`make ([a-z][a-z0-9-]*)")


def pages() -> list[Path]:
    """Return every Markdown page of the repository."""
    return [path for path in gather_files() if path.suffix == ".md"]


def test_generated_pages_are_up_to_date() -> None:
    """Kinds, fields, reasons, commands and rooms are told as the code has them."""
    stale = find_stale(ROOT / "docs")
    expect_none([f"{path.relative_to(ROOT)}: run `make docs`" for path in stale])


def test_links_lead_to_files_that_exist() -> None:
    """A page that was moved takes its links along."""
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for match in LINK.finditer(page.read_text(encoding="utf-8"))
        if not (page.parent / (target := match[1] or match[2])).exists()
    ]
    expect_none(broken)


def test_pages_name_words_of_the_makefile_only() -> None:
    """Every `make …` that a page tells a reader to run exists."""
    words = set(
        re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    unknown = [
        f"{page.relative_to(ROOT)}: make {word}"
        for page in pages()
        for word in MAKE_WORD.findall(page.read_text(encoding="utf-8"))
        if word not in words
    ]
    expect_none(unknown)


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    """Numbers are never reused, and the index leads to every page."""
    folder = ROOT / "docs" / "decisions"
    names = [path.name for path in folder.glob("[0-9]*.md")]
    index = (folder / "README.md").read_text(encoding="utf-8")
    expect_none([name for name in names if f"({name})" not in index])
    assert len({name[:4] for name in names}) == len(names)


def test_an_architecture_page_without_marks_is_refused() -> None:
    """The generated part has its place; a page that lost it is not overwritten."""
    with pytest.raises(ValueError, match="must hold the marks"):
        render_architecture("# Architecture\n")
    assert render_architecture(f"a\n{BEGIN}\nold\n{END}\nb").startswith(f"a\n{BEGIN}\n\n## `")
