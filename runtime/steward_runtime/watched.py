"""A value that is read from mounted files and read again when they change.

The kubelet replaces a volume by swapping the symlink `..data`, so a file keeps its name and gets
another inode; an editor may replace or rewrite it. Both change what `stat` says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final, Generic, TypeVar

from steward_runtime.errors import StewardError
from steward_runtime.telemetry.names import LogField

T = TypeVar("T")
Fingerprint = tuple[Hashable, ...]

CHECK_SECONDS: Final = 1.0
"""Seconds between two looks at the files: `stat` costs microseconds, and the kubelet itself needs
up to a minute to show a change.
"""
_log = logging.getLogger(__name__)


class Watched(Generic[T]):
    """Holds the newest good value of one file or folder."""

    def __init__(
        self,
        path: Path,
        gather: Callable[[Path], T],
        monotonic_seconds: Callable[[], float],
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        """Read the value for the first time.

        Raises:
            StewardError: what `gather` raises; later failures keep the last good value.
        """
        self._path = path
        self._gather = gather
        self._monotonic_seconds = monotonic_seconds
        self._check_seconds = check_seconds
        self._fingerprint = gather_fingerprint(path)
        self._value = gather(path)
        self._checked_at = monotonic_seconds()

    def current(self) -> T:
        """Return the value, read again if the files changed and the last look is old enough."""
        now = self._monotonic_seconds()
        if now - self._checked_at >= self._check_seconds:
            self._checked_at = now
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        fingerprint = gather_fingerprint(self._path)
        if fingerprint == self._fingerprint:
            return
        try:
            self._value = self._gather(self._path)
        except StewardError as error:
            _log.warning(
                "ReloadRefused",
                extra={LogField.FILE.value: self._path.name, LogField.REASON.value: error.reason},
            )
        else:
            _log.info("Reloaded", extra={LogField.FILE.value: self._path.name})
        self._fingerprint = fingerprint


def gather_fingerprint(path: Path) -> Fingerprint:
    """Return what identifies the present content of a file, or of the files in a folder."""
    try:
        if not path.is_dir():
            return _stat(path)
        names = sorted(each.name for each in path.iterdir() if not each.name.startswith("."))
        return (*_stat(path), *((name, *_stat(path / name)) for name in names))
    except OSError:
        return ()


def _stat(path: Path) -> Fingerprint:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return (seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size)
