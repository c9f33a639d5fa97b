"""Errors of running an assistant on this machine.

LocalError (a CommandError: one text for the terminal)
├── DeclarationInvalid   local.yaml says something that cannot be done
├── PlanRefused          the plan has no runtime to start
├── AlreadyRunning       another supervisor holds the state folder
├── NotRunning           no supervisor holds the state folder
├── ModelMissing         the bundled model or its engine is not installed
├── KeyLost              data exists whose key does not
├── EndpointInvalid      the user's own model endpoint is not usable
├── ChildFailed          a process ended or stayed unhealthy while starting
└── ChatFailed           the assistant refused or could not be reached
"""

from __future__ import annotations

from typing import ClassVar

from steward_cli.errors import CommandError, ExitCode


class LocalError(CommandError):
    """Something about the local run that the user can mend; the text says how."""

    reason: ClassVar[str] = "LocalError"


class DeclarationInvalid(LocalError):
    """`local.yaml` holds something that `steward up` cannot do."""

    reason = "DeclarationInvalid"
    exit_code = ExitCode.WRONG_INPUT


class PlanRefused(LocalError):
    """The plan of these files has nothing to start; conditions say why."""

    reason = "PlanRefused"
    exit_code = ExitCode.WRONG_INPUT


class AlreadyRunning(LocalError):
    """Another supervisor runs this assistant in this state folder."""

    reason = "AlreadyRunning"


class NotRunning(LocalError):
    """No supervisor runs this assistant in this state folder."""

    reason = "NotRunning"


class ModelMissing(LocalError):
    """The bundled model, or the engine that runs it, is not installed."""

    reason = "ModelMissing"
    exit_code = ExitCode.NOT_INSTALLED


class KeyLost(LocalError):
    """A database exists, and the key that wraps its data keys does not."""

    reason = "KeyLost"


class EndpointInvalid(LocalError):
    """OPENAI_BASE_URL, OPENAI_API_KEY or MODEL cannot be used together."""

    reason = "EndpointInvalid"
    exit_code = ExitCode.WRONG_INPUT


class ChildFailed(LocalError):
    """A process ended, or did not become healthy in time; its log says more."""

    reason = "ChildFailed"


class ChatFailed(LocalError):
    """The assistant refused the message, or could not be reached.

    `code` is that of OpenAI's error body, None where there was no such body.
    """

    reason = "ChatFailed"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
