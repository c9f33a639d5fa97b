"""What can go wrong in the operator, as one tree.

    OperatorError
    ├── ConfigurationError      the process cannot start: flags, kubeconfig, token, rights
    │   └── DefinitionsError    our kinds are not served, or without fields of this version
    ├── SyncTimeoutError        the first lists did not come in time
    └── ApiError                the API server did not do what was asked
        ├── AbsentError         404: the object, its namespace or its kind is not there
        ├── AlreadyThereError   409 AlreadyExists
        ├── OutdatedError       409 Conflict, or a uid that no longer holds: read again, then decide
        ├── ExpiredError        410: list again before watching on
        ├── ForbiddenError      403: a right, a quota or an admission rule says no
        ├── RejectedError       400, 413, 415, 422 and 500 for a field that no schema knows
        ├── LeaseLostError     none: this replica does not lead, so the request was not sent
        └── UnavailableError    401, 408, 429, 5xx, a cut connection, a deadline

`retryable` is decided here, where the fault is made: true means that the same request may succeed
later with nothing of ours changed. Everything else waits for a change. The messages name the
object and the attempt and never hold a manifest, a Secret's data or other content.
"""

from __future__ import annotations

from typing import ClassVar


class OperatorError(Exception):
    """Anything that the operator raises on purpose."""

    reason: ClassVar[str] = "OperatorError"
    retryable: bool = False


class ConfigurationError(OperatorError):
    """The process cannot start as it was told to."""

    reason = "ConfigurationInvalid"


class DefinitionsError(ConfigurationError):
    """A CustomResourceDefinition is missing, or older than this version."""

    reason = "DefinitionsOutdated"


class SyncTimeoutError(OperatorError):
    """The first lists did not come in time, so nothing may be decided yet."""

    reason = "SyncTimeout"
    retryable = True


class ApiError(OperatorError):
    """The API server did not do what was asked."""

    reason = "ApiError"

    def __init__(
        self,
        attempt: str,
        detail: str,
        *,
        status: int = 0,
        retry_after_seconds: float | None = None,
    ) -> None:
        """Keep what was attempted and what the server said.

        Args:
            attempt: Verb, kind, namespace and name, for example `create Service default/helpdesk`.
            detail: The server's own sentence, cut to a bounded length.
            status: HTTP status, or 0 where no answer came.
            retry_after_seconds: What the server asked for, if it did.
        """
        super().__init__(f"could not {attempt}: {detail}")
        self.attempt = attempt
        self.detail = detail
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    def explain(self) -> dict[str, str]:
        """Return what a log line may say: what was asked and why not, never the server's text."""
        return {"reason": self.reason, "attempt": self.attempt}


class AbsentError(ApiError):
    """The object, its namespace or its kind is not there (404)."""

    reason = "NotFound"


class AlreadyThereError(ApiError):
    """An object of that name exists (409 AlreadyExists)."""

    reason = "AlreadyExists"
    retryable = True


class OutdatedError(ApiError):
    """The object has changed or was replaced since it was read (409 Conflict)."""

    reason = "Conflict"
    retryable = True


class ExpiredError(ApiError):
    """The resourceVersion is too old to watch or page from (410)."""

    reason = "Expired"
    retryable = True


class ForbiddenError(ApiError):
    """A right, a quota or an admission rule says no (403).

    Nothing tells us when that changes, so it is tried again, but rarely.
    """

    reason = "Forbidden"
    retryable = True

    RETRY_SECONDS: ClassVar[float] = 300.0
    """Five minutes: a mended quota shows soon, and a lasting refusal costs 12 requests an hour."""

    def __init__(
        self, attempt: str, detail: str, *, status: int = 403, missing_right: str = ""
    ) -> None:
        """Ask for a retry after `RETRY_SECONDS`.

        Args:
            attempt: What was asked.
            detail: The server's own sentence.
            status: HTTP status.
            missing_right: Verb and resource that RBAC does not grant, for example
                `patch deployments.apps`; empty where something else says no.
        """
        super().__init__(attempt, detail, status=status, retry_after_seconds=self.RETRY_SECONDS)
        self.missing_right = missing_right

    def explain(self) -> dict[str, str]:
        """Name the missing right too."""
        right = {"missing_right": self.missing_right} if self.missing_right else {}
        return {**super().explain(), **right}


class ClosingError(ApiError):
    """The namespace is being deleted: nothing can be made in it any more (403)."""

    reason = "NamespaceTerminating"


class RejectedError(ApiError):
    """The request itself is wrong; repeating it cannot help."""

    reason = "Rejected"


class UnavailableError(ApiError):
    """The server could not answer now (401, 408, 429, 5xx, no connection, deadline)."""

    reason = "Unavailable"
    retryable = True


class LeaseLostError(ApiError):
    """This replica does not lead, so it writes nothing and should end."""

    reason = "LeaseLost"
    retryable = True
