"""`steward down NAME`: stops a local assistant, and with `--erase` removes its state."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from steward_cli.local.child import Say
from steward_cli.local.errors import NotRunning
from steward_cli.local.layout import StateFolder
from steward_cli.local.leftovers import apply_end
from steward_cli.local.record import gather_record, is_held

POLL_SECONDS: Final = 0.1
DRAIN_SECONDS: Final = 4_000
"""Longer than the longest turn deadline (3,600 s) and its margin: draining is bounded by these."""


def run_down(
    state: StateFolder, say: Say, *, is_erasing: bool = False, with_archive: bool = False
) -> int:
    """Stop the supervisor of `state`, wait until it has drained, and erase if asked to.

    Raises:
        NotRunning: if nothing runs and there is nothing to erase.
    """
    if not state.root.is_dir() or (not is_held(state) and not is_erasing):
        raise NotRunning(f"{state.name} is not running, and {state.root} says nothing else")
    _stop(state, say)
    for name in apply_end(state):
        say(f"ended {name}, left over from a supervisor that was killed")
    if is_erasing:
        for line in erase(state, with_archive=with_archive):
            say(line)
    return 0


def erase(state: StateFolder, *, with_archive: bool) -> tuple[str, ...]:
    """Remove the state and say what went; the archive of receipts stays unless told otherwise."""
    lines: list[str] = []
    for path in sorted(state.root.iterdir()):
        if path == state.archive and not with_archive and any(path.iterdir()):
            lines.append(f"kept     {path} (receipts; --erase-archive removes it too)")
            continue
        lines.append(f"removed  {path} ({_describe(path)})")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not any(state.root.iterdir()):
        state.root.rmdir()
        lines.append(f"removed  {state.root}")
    return tuple(lines)


def _stop(state: StateFolder, say: Say) -> None:
    if not is_held(state):
        return
    record = gather_record(state)
    if record is not None:
        say(f"stopping {state.name} (process {record.pid}); running tasks may finish")
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + DRAIN_SECONDS
    while is_held(state):
        if time.monotonic() > deadline:
            raise NotRunning(f"{state.name} did not stop in {DRAIN_SECONDS} s; see {state.logs}")
        time.sleep(POLL_SECONDS)
    say(f"{state.name} has stopped")


def _describe(path: Path) -> str:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    count = len(files)
    size = sum(file.stat().st_size for file in files)
    return f"{count} file{'' if count == 1 else 's'}, {size} bytes"
