"""Requests of callers for tests."""

from __future__ import annotations

import hashlib
from typing import Any

from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.turn.messages import Caller, ClientMessage


def build_caller(subject: str | None) -> Caller:
    """Return a caller who shows the same key for whatever subject."""
    return Caller("key-of-front-end", None if subject is None else f"pseudonym-of-{subject}")


ALICE = build_caller("alice")
BOB = build_caller("bob")
NOBODY = build_caller(None)


def ask(text: str, caller: Caller = ALICE, **members: Any) -> TurnRequest:
    """Return a request with one user message; `members` overrides members of the request."""
    request: dict[str, Any] = {
        "caller": caller,
        "messages": (ClientMessage("user", text),),
        "body_digest": hashlib.sha256(text.encode()).digest(),
        **members,
    }
    return TurnRequest(**request)
