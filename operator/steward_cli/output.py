"""Writes to the terminal: text for people, or one JSON document for programs."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class OutputFormat(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[
    OutputFormat, typer.Option("--output", "-o", help="Answer as text or as one JSON document.")
]
"""The option `-o` of every command that has something to say to programs."""


def write_json(document: Any) -> None:
    """Write one JSON document to standard output, with sorted keys."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


def write_line(text: str = "") -> None:
    """Write one line for people to standard output."""
    typer.echo(text)


def write_error(text: str) -> None:
    """Write one line for people to standard error."""
    typer.echo(text, err=True)
