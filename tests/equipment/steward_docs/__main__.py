"""`make docs`: write the pages that differ; with `--check`, name them instead."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from steward_docs.api import render_api
from steward_docs.commands import render_commands
from steward_docs.kinds import render_kinds
from steward_docs.reasons import render_reasons
from steward_docs.rooms import render_architecture

ARCHITECTURE = Path("explanation", "architecture.md")


def render_pages(docs: Path) -> dict[Path, str]:
    """Return path and text of every generated page of a `docs` folder."""
    reference = {**render_kinds(), **render_reasons(), **render_commands(), **render_api()}
    pages = {docs / "reference" / name: text for name, text in reference.items()}
    architecture = docs / ARCHITECTURE
    pages[architecture] = render_architecture(architecture.read_text(encoding="utf-8"))
    return pages


def find_stale(docs: Path) -> dict[Path, str]:
    """Return the pages whose file is missing, differs, or should be gone (empty text)."""
    wanted = render_pages(docs)
    present = {
        path
        for path in (docs / "reference").rglob("*")
        if path.suffix in {".md", ".json"} and path not in wanted
    }
    stale = {
        path: text
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    return {**stale, **dict.fromkeys(present, "")}


def run(arguments: Sequence[str]) -> int:
    """Write or check the pages below the folder that is named first."""
    docs = Path(arguments[0])
    stale = find_stale(docs)
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path} is out of date: run `make docs`\n")
        elif text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
