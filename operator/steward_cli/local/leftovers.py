"""Ends children of a supervisor that was killed, where the kernel has not done so yet."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Final

from steward_cli.local.layout import StateFolder
from steward_cli.local.record import ProcessRecord, gather_record, measure_start

WAIT_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.05


def apply_end(state: StateFolder) -> tuple[str, ...]:
    """End what an earlier supervisor of `state` left running; return the names of what it was.

    A process is taken for ours only if its pid and its start time are those on record.
    """
    record = gather_record(state)
    left = tuple(one for one in (record.processes if record else ()) if _is_alive(one))
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while any(_is_alive(process) for process in left) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return tuple(process.name for process in left)


def _is_alive(process: ProcessRecord) -> bool:
    started = measure_start(process.pid)
    return started is not None and started == process.started_ticks
