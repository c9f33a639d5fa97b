"""Gives each Pod a loopback address of its own, so that equal port numbers don't meet.

Addresses are 127.<range>.<x>.<y>. Each kubelet on the machine claims a range by a file lock, which
the kernel drops when the process ends.
"""

from __future__ import annotations

import fcntl
import itertools
from pathlib import Path
from typing import TextIO

from steward_lab.errors import LabError
from steward_lab.pins import gather_cache_directory

# 127.0 to 127.63 stay with the machine and with other tests.
RANGES = range(64, 255)


class AddressBook:
    """The addresses of one kubelet's Pods.

    Attributes:
        unserved: An address of the range that no Pod ever gets: it refuses every connection.
    """

    def __init__(self, directory: Path | None = None) -> None:
        """Claims a range that no other kubelet of this user holds.

        Raises:
            LabError: All ranges are held.
        """
        folder = directory or gather_cache_directory() / "loopback"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock, number = _claim_range(folder)
        hosts = itertools.product(range(256), range(1, 255))
        self._free = (f"127.{number}.{high}.{low}" for high, low in hosts)
        self.unserved = f"127.{number}.255.255"
        self._returned: list[str] = []
        self._held: dict[str, str] = {}

    def get(self, uid: str) -> str:
        """Answers the address of a Pod, a new one the first time."""
        if uid not in self._held:
            fresh = next(self._free, None)
            self._held[uid] = fresh if fresh is not None else self._returned.pop(0)
        return self._held[uid]

    def release(self, uid: str) -> None:
        """Takes a Pod's address back; it is used again only when all others were."""
        if uid in self._held:
            self._returned.append(self._held.pop(uid))

    def close(self) -> None:
        """Gives up the range."""
        self._lock.close()


def _claim_range(folder: Path) -> tuple[TextIO, int]:
    """Locks the first free range and answers the lock and its number."""
    for number in RANGES:
        lock = (folder / f"{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return lock, number
    raise LabError(f"{len(RANGES)} kubelets run already: stop some of them")
