"""Exit codes and errors of the command line.

CommandError            the command cannot do what was asked; exit code 1
├── InputError          files or arguments are wrong; exit code 2
└── MissingExtraError   something needed is not installed; exit code 3

An error names the object, what was attempted and what to do, in one text for the terminal. It never
carries content of messages, tools or memory.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command returns to the shell."""

    OK = 0
    """Done; for `validate`, every file is right."""
    FAILED = 1
    """What was asked could not be done."""
    WRONG_INPUT = 2
    """Files or arguments are wrong; each problem is printed."""
    NOT_INSTALLED = 3
    """An extra is missing, and its name is printed."""


class CommandError(Exception):
    """The command cannot do what was asked; the text says what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class InputError(CommandError):
    """Files or arguments are wrong."""

    exit_code = ExitCode.WRONG_INPUT


class MissingExtraError(CommandError):
    """Something that this word needs is not installed."""

    exit_code = ExitCode.NOT_INSTALLED

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra `{extra}`: install steward-operator[{extra}]")
        self.extra = extra
