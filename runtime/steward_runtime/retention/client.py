"""The purge Job as a client of the running runtime: start a run, wait for it, tell how it ended.

Standard library only, so that a Job costs some 30 MB and no start-up time. Used by `steward-runtime
purge --server` and by `steward purge`.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final
from urllib.parse import urlsplit

from steward_runtime.retention.errors import PurgeRefused, PurgeUnreachable

PURGES_PATH: Final = "/internal/v1/purges"
ANSWER_BYTES_MAX: Final = 1024 * 1024
REQUEST_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.5
RUN_SECONDS_MAX: Final = 3_600.0
"""How long one call waits for a run; the run itself goes on without it."""
FOLLOWING_SECONDS_MAX: Final = 10.0
"""How long the run is waited for that follows one which postponed something."""
START_SECONDS_MAX: Final = 60.0
"""How long an unreachable runtime is asked again: it may be starting."""


class PurgeExit(IntEnum):
    """Exit codes of a purge."""

    DONE = 0
    """Everything that was due is gone, or nothing was due."""
    FAILED = 1
    """The run did not end, or its end is not known."""
    PARTIAL = 3
    """Something that was due is still there, or is not proven gone."""


@dataclass(frozen=True, slots=True)
class Server:
    """The administration API of a runtime.

    Attributes:
        base_url: for example `http://helpdesk-admin.default.svc:8081`.
        token: bearer token with purge scope.
        monotonic_seconds: clock of all waiting.
        sleep: waits for some seconds.
    """

    base_url: str
    token: str
    monotonic_seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def request(self, method: str, path: str) -> dict[str, Any]:
        """Send one request and return the JSON object of the answer.

        Raises:
            PurgeUnreachable: if there is no usable answer.
            PurgeRefused: if the token is not accepted.
        """
        url = urlsplit(self.base_url)
        if url.scheme != "http" or url.hostname is None:
            raise PurgeRefused(f"{self.base_url} is no http:// address of an administration API")
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            status, raw = response.status, response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as fault:
            raise PurgeUnreachable(
                f"{self.base_url} did not answer ({type(fault).__name__}): check that the "
                "runtime is running"
            ) from None
        finally:
            connection.close()
        return self._parse(status, raw)

    def _parse(self, status: int, raw: bytes) -> dict[str, Any]:
        if status in {401, 403}:
            raise PurgeRefused(
                f"{self.base_url} does not accept the purge token (HTTP {status}): mount the "
                "Secret that the operator generated for this assistant"
            )
        try:
            document = json.loads(raw)
        except ValueError:
            document = None
        if not 200 <= status < 300 or not isinstance(document, dict):
            raise PurgeUnreachable(
                f"{self.base_url} answered HTTP {status} and no run: look at the runtime's logs"
            )
        return document


def run_purge_client(
    server: Server,
    say: Callable[[str], None],
    *,
    run_seconds_max: float = RUN_SECONDS_MAX,
    start_seconds_max: float = START_SECONDS_MAX,
) -> int:
    """Start a purge on a running runtime, wait until it has ended, and return an exit code.

    A run that was abandoned or postponed something is followed to the next one.

    Args:
        server: where to ask.
        say: takes one sentence per run that has ended.
        run_seconds_max: how long all runs together are waited for.
        start_seconds_max: how long an unreachable runtime is asked again.

    Raises:
        PurgeUnreachable: if the runtime stays unreachable.
        PurgeRefused: if it does not accept the token.
    """
    deadline = server.monotonic_seconds() + run_seconds_max
    run = _start(server, start_seconds_max)
    while True:
        run = _wait(server, run, deadline)
        say(_describe(run))
        if run.get("state") != "Finished":
            return PurgeExit.FAILED
        if not _is_followed(run):
            return _resolve_exit(run)
        run = server.request("GET", f"{PURGES_PATH}/{run['nextRunId']}")


def _start(server: Server, seconds_max: float) -> dict[str, Any]:
    deadline = server.monotonic_seconds() + seconds_max
    while True:
        try:
            return server.request("POST", PURGES_PATH)
        except PurgeUnreachable:
            if server.monotonic_seconds() >= deadline:
                raise
            server.sleep(POLL_SECONDS)


def _wait(server: Server, run: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Ask until the run has ended, stands still, or the time is over."""
    while run.get("state") == "Running" and server.monotonic_seconds() < deadline:
        server.sleep(POLL_SECONDS)
        run = server.request("GET", f"{PURGES_PATH}/{run['runId']}")
    patience = min(deadline, server.monotonic_seconds() + FOLLOWING_SECONDS_MAX)
    while _has_more(run) and run.get("nextRunId") is None:
        if server.monotonic_seconds() >= patience:
            break
        server.sleep(POLL_SECONDS)
        run = server.request("GET", f"{PURGES_PATH}/{run['runId']}")
    return run


def _has_more(run: dict[str, Any]) -> bool:
    return run.get("outcome") == "Abandoned" or run.get("reason") == "Postponed"


def _is_followed(run: dict[str, Any]) -> bool:
    return _has_more(run) and run.get("nextRunId") is not None


def _resolve_exit(run: dict[str, Any]) -> PurgeExit:
    if run.get("outcome") in {"NothingDue", "Complete", "Uncosigned"}:
        return PurgeExit.DONE
    return PurgeExit.PARTIAL


def _describe(run: dict[str, Any]) -> str:
    name = run.get("runId")
    if run.get("state") != "Finished":
        return f"run {name} stands still after {run.get('step')}; the next purge goes on with it"
    reason = f" ({run['reason']})" if run.get("reason") else ""
    receipt = f", receipt {run['receiptDigest']}" if run.get("receiptDigest") else ""
    return f"run {name}: {run.get('outcome')}{reason}{receipt}"
