"""Starts `steward up` as a user would, waits until it is ready, and ends it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from steward_cli.errors import CommandError
from steward_cli.local.child import TETHER_MODULE
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, RunState, gather_record, is_held

READY_SECONDS: Final = 120
STOP_SECONDS: Final = 60
POLL_SECONDS: Final = 0.1


class StageFailed(CommandError):
    """`steward up` did not get ready; its own words say why."""


@contextmanager
def serve_example(
    folder: Path, state: StateFolder, environment: Mapping[str, str] | None = None
) -> Iterator[RunRecord]:
    """Run `steward up FOLDER` with its state in `state`; yields its record once it is ready.

    The process has a session of its own, so that Ctrl-C reaches the caller alone and the
    assistant drains when the caller lets go; where the caller is killed, it dies too.

    Raises:
        StageFailed: if it ends or is not ready in time.
    """
    state.root.parent.mkdir(parents=True, exist_ok=True)
    log = state.root.parent / f"{state.name}-up.log"
    command = build_up_command(folder, state)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own words
            (sys.executable, "-m", TETHER_MODULE, str(os.getpid()), "--", *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        yield _wait_ready(process, state, log)
    finally:
        stop(process)


def build_up_command(folder: Path, state: StateFolder) -> tuple[str, ...]:
    """Return the command line of `steward up` for an example."""
    words = ("up", str(folder), "--state", str(state.root.parent), "--assistant", state.name)
    return (sys.executable, "-m", "steward_cli.main", *words)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let `steward up` drain, and end it if that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_ready(process: subprocess.Popen[bytes], state: StateFolder, log: Path) -> RunRecord:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        record = gather_record(state) if is_held(state) else None
        if record is not None and record.pid == process.pid and record.state is RunState.READY:
            return record
        if process.poll() is not None:
            raise StageFailed(f"`steward up` ended: {log.read_text(errors='replace').strip()}")
        time.sleep(POLL_SECONDS)
    raise StageFailed(f"`steward up` was not ready in {READY_SECONDS} s; see {log}")
