"""Writes the generated files of the chart: `python -m steward_operator.chart charts/steward`.

With `--check` it only says which of them differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from steward_api.manifest import render_manifests
from steward_api.meta import API_VERSION
from steward_operator.chart.files import MARK, Sources, build_files

DISTRIBUTION: Final = "steward-operator"
EXAMPLES: Final = Path("examples", "01-helpdesk")
DEFINITIONS: Final = Path("templates", "crds")
_LINE_WIDTH: Final = 100_000
"""An expression between braces is never broken."""


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out in full, and texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def render_template(document: Mapping[str, Any]) -> str:
    """Return a document as YAML that may hold template expressions."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_LINE_WIDTH
    )


def gather_examples(root: Path) -> tuple[dict[str, Any], ...]:
    """Return the first object of each kind among the first example's files."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((root / EXAMPLES).glob("[0-9]*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document["apiVersion"] == API_VERSION:
                found.setdefault(document["kind"], document)
    return tuple(found.values())


def find_stale(folder: Path) -> dict[Path, str]:
    """Return the files that are missing, differ, or should be gone (empty text)."""
    sources = Sources(
        version(DISTRIBUTION),
        render_manifests(),
        gather_examples(folder.resolve().parents[1]),
        render_template,
    )
    wanted = {folder / path: text for path, text in build_files(sources).items()}
    leftover = set((folder / DEFINITIONS).glob("*.yaml")) - wanted.keys()
    stale = {
        path: text
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    return {**stale, **dict.fromkeys(leftover, "")}


def run(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; returns 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m steward_operator.chart", description=MARK)
    parser.add_argument("folder", type=Path, help="the chart")
    parser.add_argument("--check", action="store_true", help="write nothing, name differing files")
    options = parser.parse_args(arguments)
    stale = find_stale(options.folder)
    for path, text in stale.items():
        if options.check:
            sys.stderr.write(f"{path} is out of date: run `make chart`\n")
        elif text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(run())
