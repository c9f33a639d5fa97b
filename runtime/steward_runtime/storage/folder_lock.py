"""One process per data folder: an advisory lock that lives as long as its process.

SQLite lets several processes in, but a second one would keep the write-ahead log from being cut
and could purge under a runtime that holds rows in memory. The kernel frees the lock with the
process, however it ends, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from steward_runtime.errors import StorageBusy

LOCK_FILE: Final = "steward.lock"
WAIT_SECONDS: Final = 60.0
"""Covers a runtime that drains and a short purge; a longer one is waited for by restarts."""
POLL_SECONDS: Final = 0.1


class FolderLock:
    """The right to open the database of one data folder; see `acquire_folder_lock`."""

    def __init__(self, descriptor: int) -> None:
        """Own an open descriptor that holds the lock."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next process in; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire_folder_lock(
    folder: Path,
    *,
    wait_seconds: float = WAIT_SECONDS,
    monotonic_seconds: Callable[[], float] = time.monotonic,
) -> FolderLock:
    """Lock a data folder for this process, and wait for another one that holds it.

    Args:
        folder: data directory; made if it is absent.
        wait_seconds: how long another process is waited for.
        monotonic_seconds: clock of the wait.

    Raises:
        StorageBusy: if another process still holds it after `wait_seconds`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    lock = FolderLock(descriptor)
    try:
        deadline = monotonic_seconds() + wait_seconds
        while not _try_lock(descriptor):
            if monotonic_seconds() >= deadline:
                _refuse(folder, descriptor)
            time.sleep(POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"process %d" % os.getpid(), 0)
    except BaseException:
        lock.release()
        raise
    return lock


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse(folder: Path, descriptor: int) -> NoReturn:
    holder = os.pread(descriptor, 64, 0).decode(errors="replace") or "unknown"
    raise StorageBusy(
        f"{folder} is in use by another process ({holder}): wait until that runtime or purge has "
        "ended, or stop it, and try again"
    )
