"""Errors of models beyond the runtime's own; each says whether another model could help.

ModelError               502  (steward_runtime.errors)
├── ModelUnavailable     503  another model, or the same one later
├── ModelAnswerBroken    502  another model, if nothing was given out yet
├── ModelRefused         502  the request itself; no other model is asked
├── ModelMisconfigured   502  another model
└── ModelNotAsked        502  another model; carries the reason of what kept the call back
"""

from __future__ import annotations

from steward_runtime.errors import ModelError, StewardError


class ModelRefused(ModelError):
    """The endpoint refused the request itself; another attempt would be refused as well."""

    reason = "ModelRefused"


class ModelMisconfigured(ModelError):
    """The endpoint does not know the model, the path or the credential."""

    reason = "ModelMisconfigured"


class ModelNotAsked(ModelError):
    """The call never left: its credential or its host stood in the way."""

    reason = "ModelNotAsked"

    def __init__(self, cause: StewardError) -> None:
        super().__init__(cause.message)
        self.reason = cause.reason  # type: ignore[misc] # the cause says what to mend
