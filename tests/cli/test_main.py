"""The command `steward`: words, exit codes, and errors without stack traces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from steward_api.meta import API_VERSION
from steward_cli import main
from steward_cli.errors import CommandError, ExitCode, InputError, MissingExtraError

HEAVY = ("kubernetes", "kopf", "openai", "starlette", "opentelemetry", "cel_expr_python", "numpy")


def steward(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "steward_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_lists_its_words_and_exit_codes() -> None:
    """`steward --help` names every word."""
    shown = steward("--help")
    assert shown.returncode == 0
    for word in ("validate", "init", "version", "Exit codes"):
        assert word in shown.stdout


def test_init_then_validate_works_from_any_folder(tmp_path: Path) -> None:
    """The first two commands of a newcomer succeed."""
    assert steward("init", "desk", folder=tmp_path).returncode == 0
    shown = steward("validate", "desk", folder=tmp_path)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "4 objects valid\n", "")


def test_wrong_input_exits_with_2(tmp_path: Path) -> None:
    """Wrong files and wrong arguments share a code."""
    assert steward("validate", "missing", folder=tmp_path).returncode == 2
    assert steward("nonsense").returncode == 2
    assert steward("validate", "-o", "xml").returncode == 2


def test_prints_versions() -> None:
    """`steward version` names program and API, for people and for programs."""
    assert API_VERSION in steward("version").stdout
    assert json.loads(steward("version", "-o", "json").stdout)["apiVersion"] == API_VERSION


@pytest.mark.parametrize("word", ["--help", "version"])
def test_loads_only_what_a_word_needs(word: str) -> None:
    """Heavy packages stay out of words that don't use them."""
    script = (
        "import sys\n"
        "from steward_cli.main import app\n"
        f"try:\n    app([{word!r}])\n"
        "except SystemExit:\n    pass\n"
        f"sys.exit(','.join(n for n in {HEAVY!r} if n in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("no"), ExitCode.FAILED),
        (InputError("no"), ExitCode.WRONG_INPUT),
        (MissingExtraError("cli", "This"), ExitCode.NOT_INSTALLED),
        (RuntimeError("secret words"), ExitCode.FAILED),
    ],
)
def test_turns_errors_into_one_line_and_a_code(
    error: Exception, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    """No user sees a stack trace, and an unexpected error does not spill its text."""

    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as left:
        main.run(fail)
    assert left.value.code == code
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    assert "secret words" not in shown


def test_shows_the_trace_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer sets STEWARD_DEBUG=1 and gets the error itself."""

    def fail() -> None:
        raise RuntimeError("why")

    monkeypatch.setenv(main.DEBUG_VARIABLE, "1")
    with pytest.raises(RuntimeError, match="why"):
        main.run(fail)
