"""`steward purge`: purge by hand what is due, on a running assistant or on a stopped one.

Exit codes: 0 everything due is gone, 1 failed, 4 Partial. No option moves the clock.
"""

from __future__ import annotations

import os
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from steward_cli.errors import CommandError, InputError
from steward_cli.output import write_line

TOKEN_FILE: Final = Path("keys", "purge", "token")


class PurgeCode(IntEnum):
    """Exit codes of `steward purge`; 3 means elsewhere that an extra is missing."""

    DONE = 0
    FAILED = 1
    PARTIAL = 4


def purge(
    name: Annotated[str, typer.Argument(help="Name of the Assistant.")],
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder for state; default: $STEWARD_HOME or ./.steward."),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", help="Administration API of a runtime elsewhere."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="With --server: file with the purge token.")
    ] = None,
) -> None:
    """Delete now what is past its window, and say which receipt proves it.

    Exit codes: 0 everything due is gone, 1 failed, 4 Partial.
    """
    raise typer.Exit(run_purge(name, state, server, token_file))


def register_purge(app: typer.Typer) -> None:
    """Add the word to the command line."""
    app.command()(purge)


def run_purge(name: str, state: Path | None, server: str | None, token_file: Path | None) -> int:
    """Purge what is due and return the exit code.

    With `server`, or where `steward up` runs the assistant, the runtime does it; else this process
    opens the state folder itself.

    Raises:
        InputError: if a file is missing or options contradict each other.
        CommandError: if the runtime refuses, is unreachable, or a step failed.
    """
    from steward_cli.local.layout import resolve_state_folder
    from steward_cli.local.record import gather_record, is_held
    from steward_runtime.errors import StewardError

    if (server is None) != (token_file is None):
        raise InputError("--server and --token-file belong together: give both or none")
    folder = resolve_state_folder(name, os.environ, state=state)
    try:
        if server is not None and token_file is not None:
            return _purge_there(server, token_file)
        if not folder.root.is_dir():
            raise InputError(
                f"there is no state of {name} in {folder.root.parent}: start it with `steward up "
                "DIR`, or name its state folder with --state"
            )
        record = gather_record(folder) if is_held(folder) else None
        if record is not None:
            return _purge_there(record.admin_url, folder.config / TOKEN_FILE)
        return _purge_here(folder.config, folder.data)
    except StewardError as fault:
        raise CommandError(fault.message) from fault


def _purge_there(server: str, token_file: Path) -> int:
    from steward_runtime.retention.client import Server, run_purge_client

    try:
        token = token_file.read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise InputError(
            f"{token_file} cannot be read ({fault.strerror}): name the file with the purge token"
        ) from None
    return _translate(run_purge_client(Server(server, token), write_line))


def _purge_here(config: Path, data: Path) -> int:
    from steward_runtime.config import ConfigFolder
    from steward_runtime.retention.direct import run_purge_direct

    return _translate(run_purge_direct(ConfigFolder(config), data, write_line, is_local=True))


def _translate(code: int) -> PurgeCode:
    """Return our exit code for one of the purge Job."""
    from steward_runtime.retention.client import PurgeExit

    if code == PurgeExit.PARTIAL:
        return PurgeCode.PARTIAL
    return PurgeCode.DONE if code == PurgeExit.DONE else PurgeCode.FAILED
