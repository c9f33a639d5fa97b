"""Errors of the lab.

LabError
├── BuildError           a binary of the control plane could not be made
├── StartError           a process of the control plane did not come up
├── ApiError             the API server refused a request of the test client
└── DeadlineError        something awaited did not happen in time
"""

from __future__ import annotations


class LabError(Exception):
    """What every error of the lab is; the message says what was tried and what to do."""


class BuildError(LabError):
    """A binary could not be built or installed."""


class StartError(LabError):
    """A process of the control plane did not start or did not become healthy."""


class DeadlineError(LabError):
    """What was awaited had not happened when its deadline passed."""


class ApiError(LabError):
    """The API server answered a request with an error status.

    Attributes:
        status: HTTP status code of the answer.
        reason: Machine-readable reason of the Status object, such as `NotFound`, or "".
        message: Text of the Status object, or the start of the body.
    """

    def __init__(self, request: str, status: int, reason: str, message: str) -> None:
        """Keeps the parts of the answer beside the sentence made of them."""
        super().__init__(f"{request}: HTTP {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
