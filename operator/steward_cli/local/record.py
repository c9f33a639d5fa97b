"""What the supervisor writes about itself, and the lock that says it runs."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from steward_api.meta import Frozen
from steward_cli.local.errors import AlreadyRunning, NotRunning
from steward_cli.local.files import write_private
from steward_cli.local.layout import StateFolder


class RunState(StrEnum):
    """Where a supervisor is in its life."""

    STARTING = "Starting"
    READY = "Ready"
    STOPPING = "Stopping"


class ProcessRecord(Frozen):
    """One child process."""

    name: str
    pid: int
    started_ticks: int
    """Start time in clock ticks since boot, so that a reused pid is not taken for the child."""
    restarts: int
    log: str


class PurgeRecord(Frozen):
    """The purge schedule and its last run."""

    schedule: str
    arguments: tuple[str, ...]
    """Arguments of the plan's CronJob, word for word."""
    runs: int = 0
    last_exit_code: int | None = None


class RunRecord(Frozen):
    """Content of `supervisor.json`."""

    schema_version: int = 1
    assistant: str
    state: RunState
    pid: int
    folder: str
    """Folder with the YAML files."""
    endpoint: str
    """Base URL of the OpenAI-compatible API."""
    admin_url: str
    metrics_url: str
    key_file: str
    """File with the generated chat key."""
    blueprint_digest: str
    model: str
    """What answers: the bundled model, or the user's endpoint."""
    services: Annotated[dict[str, str], Field(default_factory=dict)]
    """Logical host to the address here."""
    processes: tuple[ProcessRecord, ...] = ()
    purge: PurgeRecord | None = None


def gather_record(state: StateFolder) -> RunRecord | None:
    """Read what the last supervisor wrote; None if there is nothing readable."""
    try:
        return RunRecord.model_validate_json(state.record.read_bytes())
    except (OSError, ValidationError):
        return None


def apply_record(state: StateFolder, record: RunRecord) -> None:
    """Write `record` in one step."""
    document = record.model_dump(mode="json", by_alias=True)
    write_private(state.record, json.dumps(document, indent=1).encode())


@contextmanager
def hold_lock(state: StateFolder) -> Iterator[None]:
    """Hold the state folder; the kernel lets go when the process ends, however it ends.

    Raises:
        AlreadyRunning: if another supervisor holds it.
    """
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_explain_running(state)) from None
        yield
    finally:
        os.close(descriptor)


def is_held(state: StateFolder) -> bool:
    """Say whether a supervisor holds the state folder now."""
    if not state.lock.exists():
        return False
    descriptor = os.open(state.lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def gather_running(state: StateFolder) -> RunRecord:
    """Read the record of the supervisor that runs.

    Raises:
        NotRunning: if none does, or it has not written its record yet.
    """
    record = gather_record(state) if is_held(state) else None
    if record is None:
        raise NotRunning(
            f"{state.name} is not running in {state.root.parent}: start it with `steward up DIR`, "
            "or name its state folder with --state"
        )
    return record


def measure_start(pid: int) -> int | None:
    """Return when process `pid` started, in ticks since boot; None if it is gone or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _explain_running(state: StateFolder) -> str:
    record = gather_record(state)
    by = f" by process {record.pid} at {record.endpoint}" if record else ""
    return (
        f"{state.name} is already running{by}: talk to it with `steward chat {state.name}`, "
        f"or stop it with `steward down {state.name}`"
    )
