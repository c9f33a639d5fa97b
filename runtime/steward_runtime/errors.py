"""Errors of the runtime.

Each names the object, what was attempted and what to do next; none holds content of messages, tool
arguments, memory or secrets. `reason` is the code of the OpenAI error body, the metric label and
the reason in the journal; `status` is the HTTP status at the door.

StewardError
├── StorageError            503
│   ├── StorageFull         503  nothing was acknowledged
│   ├── StorageClosed       503
│   ├── StorageBusy         503  another process holds the data folder
│   └── StorageTooNew       500  the database was written by a newer runtime
├── CryptoError             500
│   ├── EncryptionKeyMissing 503 the key-encryption key is absent or another one
│   ├── DataKeyDestroyed    410  what it sealed is gone for good
│   └── SealBroken          500  bytes, place or label were changed
├── JournalBroken           500  a record cannot be read by this version
├── RequestRefused          400  the request cannot be served as it is
│   ├── BodyTooLarge        413
│   ├── Unauthorized        401
│   ├── NotFound            404  foreign and absent alike
│   ├── ConversationBusy    409
│   └── RateLimited         429
├── Overloaded              503
│   └── ShuttingDown        503
├── PolicyMissing           503
├── BlueprintRefused        500  before serving
├── TurnFailed              502  how a task ended; carries the reason of its journal
├── ModelError              502
│   ├── ModelUnavailable    503
│   └── ModelAnswerBroken   502
└── CredentialUnbound       502  a Secret may not be sent to this host
"""

from __future__ import annotations

from typing import ClassVar


class StewardError(Exception):
    """An error that says what was attempted on what, and what to do."""

    reason: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class StorageError(StewardError):
    """The database could not do what was asked."""

    reason = "StorageUnavailable"
    status = 503
    retryable = True


class StorageFull(StorageError):
    """The disk or the database is full; nothing of the write was kept or acknowledged."""

    reason = "StorageFull"


class StorageClosed(StorageError):
    """The database is closed, because the runtime stops."""

    reason = "ShuttingDown"


class StorageBusy(StorageError):
    """Another process holds the data folder: one process per database."""

    reason = "StorageBusy"


class StorageTooNew(StorageError):
    """The database was written by a newer runtime that this one must not touch."""

    reason = "StorageTooNew"
    status = 500
    retryable = False


class CryptoError(StewardError):
    """A key or a sealed value is not usable."""

    reason = "CryptoError"


class EncryptionKeyMissing(CryptoError):
    """The key-encryption key is absent, misshapen or not the one that wrapped a data key."""

    reason = "KeyMissing"
    status = 503


class DataKeyDestroyed(CryptoError):
    """The data key was destroyed, so what it sealed cannot be read any more."""

    reason = "KeyDestroyed"
    status = 410


class SealBroken(CryptoError):
    """A sealed value was changed, moved to another place or given another label."""

    reason = "SealBroken"


class JournalBroken(StewardError):
    """A journal record is misshapen or of a version that this runtime does not know."""

    reason = "JournalBroken"


class RequestRefused(StewardError):
    """The request cannot be served as it is; `param` names the field to mend."""

    reason = "InvalidRequest"
    status = 400

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        reason: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.param = param
        if reason is not None:
            self.reason = reason  # type: ignore[misc] # one refusal has many documented codes


class BodyTooLarge(RequestRefused):
    """The request body is larger than the assistant's limit."""

    reason = "RequestTooLarge"
    status = 413


class Unauthorized(RequestRefused):
    """The key is missing or wrong, or may not act for the subject."""

    reason = "Unauthorized"
    status = 401


class NotFound(RequestRefused):
    """The object does not exist for this caller: foreign and absent are the same."""

    reason = "NotFound"
    status = 404


class ConversationBusy(RequestRefused):
    """Another turn of the same conversation is still running."""

    reason = "ConversationBusy"
    status = 409
    retryable = True


class RateLimited(RequestRefused):
    """The key has started too many requests."""

    reason = "RateLimited"
    status = 429
    retryable = True


class Overloaded(StewardError):
    """All places and the queue are taken."""

    reason = "Overloaded"
    status = 503
    retryable = True


class ShuttingDown(Overloaded):
    """The runtime drains and takes no new work."""

    reason = "ShuttingDown"


class PolicyMissing(StewardError):
    """A referenced policy is missing, so everything that it would govern is denied."""

    reason = "PolicyMissing"
    status = 503


class BlueprintRefused(StewardError):
    """The Blueprint is misshapen, of an unknown version, or not the expected one."""

    reason = "BlueprintRefused"


class TurnFailed(StewardError):
    """A task ended without reply; `reason` is what its journal says."""

    reason = "TurnFailed"
    status = 502

    def __init__(self, reason: str, message: str, *, status: int = 502) -> None:
        super().__init__(message)
        self.reason = reason  # type: ignore[misc] # the reason comes from the journal
        self.status = status  # type: ignore[misc] # ... and decides the HTTP status


class ModelError(StewardError):
    """No model gave a usable answer."""

    reason = "ModelError"
    status = 502


class ModelUnavailable(ModelError):
    """Every model in fail-over order was unreachable, overloaded or refused."""

    reason = "ModelUnavailable"
    status = 503
    retryable = True


class ModelAnswerBroken(ModelError):
    """The model's answer was cut off or is not what the API promises."""

    reason = "ModelAnswerBroken"


class CredentialUnbound(StewardError):
    """A Secret does not list the host that it would be sent to, so it is not sent."""

    reason = "CredentialUnbound"
    status = 502
