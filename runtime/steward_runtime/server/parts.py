"""What the handlers of the public API share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from steward_api.blueprint import Denial
from steward_runtime.errors import PolicyMissing
from steward_runtime.server.admission import Admission, RateLimiter
from steward_runtime.server.auth import Keys
from steward_runtime.server.body import BodyBudget
from steward_runtime.server.ports import Memories, Meter, Turns
from steward_runtime.telemetry.spans import Tracer
from steward_runtime.turn.messages import Caller

DENIAL_RETRY_SECONDS: Final = 60
"""The kubelet shows a changed ConfigMap after about a minute, so trying sooner is no use."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the assistant says about itself; `created` is in seconds since 1970."""

    assistant: str
    owner: str
    blueprint_digest: str
    created: int


@dataclass(frozen=True, slots=True)
class PublicParts:
    """What the handlers of the public API are built from.

    Attributes:
        identity: who serves.
        denial: why no new work is taken at present; None while it is.
        keys: who may ask.
        pseudonym: turns (kind, raw name) into what is stored.
        turns: the driver.
        memories: memory of subjects.
        rates: rate per key.
        admission: places and queue.
        bodies: room for request bodies.
        tracer: spans.
        meter: metrics.
        monotonic_seconds: clock of durations.
        request_bytes: bytes of a body.
        queue_seconds: how long a request may wait for a place.
        heartbeat_seconds: silence of a stream before a comment is sent.
    """

    identity: Identity
    denial: Callable[[], Denial | None]
    keys: Keys
    pseudonym: Callable[[str, str], str]
    turns: Turns
    memories: Memories
    rates: RateLimiter
    admission: Admission
    bodies: BodyBudget
    tracer: Tracer
    meter: Meter
    monotonic_seconds: Callable[[], float]
    request_bytes: int
    queue_seconds: float
    heartbeat_seconds: float = 10.0

    def check_leave(self) -> None:
        """Let new work through.

        Raises:
            PolicyMissing: while a policy that the Assistant refers to is missing.
        """
        denial = self.denial()
        if denial is not None:
            raise PolicyMissing(
                f"This assistant takes no new requests: {denial.message}. Its operator must mend "
                "that.",
                retry_after_seconds=DENIAL_RETRY_SECONDS,
            )

    def resolve_caller(self, scope: Scope) -> tuple[str, Caller]:
        """Return the key id and the pseudonyms of who sent a request.

        Raises:
            Unauthorized: if the key is missing or unknown.
            RequestRefused: if the subject is misshapen or not allowed.
        """
        principal = self.keys.resolve_principal(scope["headers"])
        subject = principal.subject
        caller = Caller(
            self.pseudonym("key", principal.key_id),
            None if subject is None else self.pseudonym("subject", subject),
        )
        return principal.key_id, caller
