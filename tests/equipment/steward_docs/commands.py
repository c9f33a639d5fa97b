"""Reference page of the command line, from the commands themselves."""

from __future__ import annotations

import inspect

import typer

from steward_cli.errors import ExitCode
from steward_cli.main import app
from steward_docs.kinds import HEADER


def render_commands() -> dict[str, str]:
    """Return the page of the command `steward`."""
    group = typer.main.get_command(app)
    lines = [HEADER, "# The command `steward`", "", "Also `kubectl steward`.", ""]
    commands = getattr(group, "commands", {})
    for name in sorted(commands):
        command = commands[name]
        lines += [f"## `steward {name}`", "", " ".join((command.help or "").split()), ""]
        lines += [
            "| argument or option | meaning |",
            "|---|---|",
            *(_row(parameter) for parameter in command.params),
            "",
        ]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {_meaning(code)} |" for code in ExitCode]
    lines += ["| 4 | `purge`, `verify`: the outcome is Partial. |"]
    lines += ["| 5 | `verify`: the second signature is absent, or its key was not given. |"]
    return {"command-line.md": "\n".join([*lines, ""])}


def _row(parameter: typer.core.TyperArgument | typer.core.TyperOption) -> str:
    is_argument = parameter.param_type_name == "argument"
    name = str(parameter.name).upper() if is_argument else "`, `".join(parameter.opts)
    return f"| `{name}` | {parameter.help or ''} |"


def _meaning(code: ExitCode) -> str:
    """Return the text that stands under the member in the source."""
    source = inspect.getsource(ExitCode)
    after = source.partition(f"{code.name} = {code.value}\n")[2]
    return " ".join(after.partition('"""')[2].partition('"""')[0].split())
