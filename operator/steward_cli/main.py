"""The command `steward`: its words, and what becomes of errors.

Exit codes: 0 done, 1 failed, 2 wrong files or arguments, 3 an extra is not installed; `purge` and
`verify` have two of their own. Each word imports what it does when it is called, so that
`steward --help` stays quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from steward_cli.doctor import register_doctor
from steward_cli.errors import CommandError, ExitCode
from steward_cli.local.commands import register_local
from steward_cli.output import OutputFormat, OutputOption, write_error, write_json, write_line
from steward_cli.purge import register_purge
from steward_cli.verify import register_verify

DEBUG_VARIABLE: Final = "STEWARD_DEBUG"
"""Set to 1, an unexpected error is shown with its stack trace."""

app = typer.Typer(
    name="steward",
    help="Governed AI assistants, declared as Kubernetes resources.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong input, 3 an extra is not installed; "
        "of purge and verify also 4 Partial, 5 Uncosigned; of doctor also 4 could not be told."
    ),
)

ManifestsArgument = Annotated[Path, typer.Argument(help="A manifest, or a folder of manifests.")]


@app.command()
def validate(path: ManifestsArgument = Path(), output: OutputOption = OutputFormat.TEXT) -> None:
    """Check manifests offline: shape, rules and references, with file, line and field."""
    from steward_cli.validate import validate as run_validate

    raise typer.Exit(run_validate(path, output))


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the Assistant.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", "-f", help="Where to write; default: NAME.")
    ] = None,
    output: OutputOption = OutputFormat.TEXT,
) -> None:
    """Write the manifests of a new assistant, valid as they are."""
    from steward_cli.init import init as run_init

    raise typer.Exit(run_init(name, folder or Path(name), output))


@app.command()
def render(
    path: ManifestsArgument = Path(),
    output: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
) -> None:
    """Print what the operator would make of manifests: the children, offline."""
    from steward_cli.render import run_render

    raise typer.Exit(run_render(path, output))


@app.command()
def version(output: OutputOption = OutputFormat.TEXT) -> None:
    """Print the versions of this program and of the API."""
    from importlib import metadata

    from steward_api.meta import API_VERSION

    own = metadata.version("steward-operator")
    if output is OutputFormat.JSON:
        write_json({"version": own, "apiVersion": API_VERSION})
    else:
        write_line(f"steward {own} ({API_VERSION})")


register_doctor(app)
register_local(app)
register_purge(app)
register_verify(app)


def run(words: Callable[[], object] = app) -> None:
    """Run the command line; an error becomes one line and an exit code, never a stack trace."""
    try:
        words()
    except CommandError as error:
        write_error(f"steward: {error}")
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE) == "1":
            raise
        write_error(
            f"steward: unexpected {type(error).__name__}. "
            f"Run again with {DEBUG_VARIABLE}=1 for details, and report it"
        )
        sys.exit(ExitCode.FAILED)


if __name__ == "__main__":
    run()
