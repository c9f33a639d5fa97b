"""What the administration API answers besides purges and receipts: status, and the erasure order.

The operator repeats its order until the erasure has ended, so the order is answered with how far
the run that it began has come.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from steward_runtime.server.health import Readiness
from steward_runtime.server.ports import Purges

ERASURE_TRIGGER: Final = "AssistantDeleted"
FINISHED: Final = "Finished"
INTERRUPTED: Final = "Interrupted"


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What a runtime says about itself.

    Attributes:
        version: version of the distribution.
        assistant: its name.
        blueprint_digest: digest of the Blueprint that is served.
        public_key: raw Ed25519 key that receipts are signed with.
        key_id: its id.
        started_at: RFC 3339 time of the start.
        count_running: returns how many tasks run now.
        find_key_generation: returns the generation of the key-encryption key that wraps every data
            key, or None while some are wrapped by an older one.
        key_changes: files of the statements by which signing keys followed one another.
    """

    version: str
    assistant: str
    blueprint_digest: str
    public_key: bytes
    key_id: str
    started_at: str
    count_running: Callable[[], int]
    find_key_generation: Callable[[], int | None] = lambda: None
    key_changes: tuple[bytes, ...] = ()


class Status:
    """Answers GET /status."""

    def __init__(self, facts: StatusFacts, readiness: Readiness) -> None:
        self._facts = facts
        self._readiness = readiness

    def show(self) -> Mapping[str, Any]:
        """Return the status."""
        facts = self._facts
        return {
            "version": facts.version,
            "assistant": facts.assistant,
            "blueprintDigest": facts.blueprint_digest,
            "publicKey": base64.b64encode(facts.public_key).decode(),
            "keyId": facts.key_id,
            "startedAt": facts.started_at,
            "isReady": self._readiness.reason is None,
            "reason": self._readiness.reason,
            "tasksRunning": facts.count_running(),
            "encryptionKeyGeneration": facts.find_key_generation(),
            "keyChanges": [each.decode() for each in facts.key_changes],
        }


class ErasureOrder:
    """Answers POST /erasures, the first time and every time after."""

    def __init__(self, purges: Purges) -> None:
        self._purges = purges
        self._run_id: str | None = None

    async def give(self) -> Mapping[str, Any]:
        """Begin the erasure or go on with it; return how far it is, with `isEnded`."""
        run = None if self._run_id is None else await self._purges.show_purge(self._run_id)
        if run is None or run["state"] == INTERRUPTED:
            run = await self._purges.start_erasure()
        run = await self._find_last(run)
        self._run_id = run["runId"]
        is_ended = run["state"] == FINISHED and run["trigger"] == ERASURE_TRIGGER
        return {**run, "isEnded": is_ended}

    async def _find_last(self, run: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow runs to the one that has none after it."""
        while run["nextRunId"] is not None:
            following = await self._purges.show_purge(run["nextRunId"])
            if following is None:
                return run
            run = following
        return run
