"""The words `up`, `chat` and `down` of the command line."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

StateOption = Annotated[
    Path | None,
    typer.Option("--state", help="Folder for state; default: $STEWARD_HOME or ./.steward."),
]
NameArgument = Annotated[str, typer.Argument(help="Name of the Assistant.")]


def up(
    folder: Annotated[Path, typer.Argument(help="Folder with the manifests of one Assistant.")],
    state: StateOption = None,
    assistant: Annotated[
        str | None, typer.Option("--assistant", help="Which one, if the folder has several.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65_535, help="Port of the API.")
    ] = None,
) -> None:
    """Run an assistant on this machine: no cluster, no key, until Ctrl-C."""
    from steward_cli.local.up import UpRequest, run_up

    request = UpRequest(folder, dict(os.environ), state, assistant, port)
    raise typer.Exit(run_up(request, _say, _now))


def chat(
    name: NameArgument,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Send this alone, print the reply, end.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Who is talking; default: local:<login>.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Talk to an assistant that `steward up` runs."""
    from steward_cli.local.chat import run_chat
    from steward_cli.local.layout import resolve_state_folder

    folder = resolve_state_folder(name, os.environ, state=state)
    raise typer.Exit(run_chat(folder, message, subject))


def down(
    name: NameArgument,
    *,
    erase: Annotated[
        bool, typer.Option("--erase", help="Remove the state too, the archive of receipts apart.")
    ] = False,
    erase_archive: Annotated[
        bool, typer.Option("--erase-archive", help="With --erase: remove the receipts as well.")
    ] = False,
    state: StateOption = None,
) -> None:
    """Stop an assistant that `steward up` runs, and list what is removed."""
    from steward_cli.local.down import run_down
    from steward_cli.local.layout import resolve_state_folder

    folder = resolve_state_folder(name, os.environ, state=state)
    is_erasing = erase or erase_archive
    raise typer.Exit(run_down(folder, _say, is_erasing=is_erasing, with_archive=erase_archive))


def register_local(app: typer.Typer) -> None:
    """Add the words to the command line."""
    app.command()(up)
    app.command()(chat)
    app.command()(down)


def _say(line: str) -> None:
    typer.echo(line)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the door: here the clock enters
