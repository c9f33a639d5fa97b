"""A change of the key-encryption key in a process that kills itself after a chosen step.

Lives here: the filling of a database, the process, and the search for bytes. For tests only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from steward_runtime.clock import SystemClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.rewrapping import Rewrapping, RewrapStep
from steward_runtime.crypto.sealing import Sealed
from steward_runtime.retention.opening import wipe
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

OLD: Final = ("kek-1", b"\x01" * 32)
NEW: Final = ("kek-2", b"\x02" * 32)
STORE: Final = "journal"
LABEL: Final = b"d" * 32


def build_old_keyring() -> Keyring:
    """Return the keyring before the change."""
    return Keyring(OLD[1], OLD[0], SystemClock())


def build_new_keyring() -> Keyring:
    """Return the keyring after it."""
    return Keyring(NEW[1], NEW[0], SystemClock())


def build_changing_keyring() -> Keyring:
    """Return the keyring of a Pod that mounts both keys."""
    return Keyring(NEW[1], NEW[0], SystemClock(), older=dict((OLD,)))


class DieAfter:
    """Kills this process after the n-th time of a step."""

    def __init__(self, step: RewrapStep, times: int) -> None:
        """Die after `step` has been durable `times` times."""
        self._step = step
        self._left = times

    def after(self, step: RewrapStep) -> None:
        """Hear of a step."""
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def fill(database: Database, keyring: Keyring, count: int) -> dict[bytes, Sealed]:
    """Seal `count` values under keys of their own, and return them by plaintext."""
    database.write_now(keyring.open_root_keys)

    def write(connection: Connection) -> dict[bytes, Sealed]:
        found = {}
        for number in range(count):
            key = keyring.obtain(connection, f"s{number}", "tasks", str(number))
            text = b"content %d" % number
            found[text] = key.seal(
                text, store=STORE, locator=number.to_bytes(16, "big"), label_digest=LABEL
            )
        return found

    return database.write_now(write)


def open_all(database: Database, keyring: Keyring, sealed: dict[bytes, Sealed]) -> list[bytes]:
    """Open every value, as somebody who has just started."""

    def read(connection: Connection) -> list[bytes]:
        return [
            keyring.open(
                connection,
                each,
                store=STORE,
                locator=number.to_bytes(16, "big"),
                label_digest=LABEL,
            )
            for number, each in enumerate(sealed.values())
        ]

    return database.read_now(read)


def list_wraps(database: Database) -> tuple[bytes, ...]:
    """Return the bytes of every wrapped key as it lies in the tables now."""

    def read(connection: Connection) -> tuple[bytes, ...]:
        rows = connection.execute(
            "SELECT nonce, wrapped FROM data_keys UNION ALL SELECT nonce, wrapped FROM root_keys"
        )
        return tuple(part for row in rows for part in row)

    return database.read_now(read)


def count_found(folder: Path, needles: Iterable[bytes]) -> int:
    """Return how many of some byte strings occur in any file of a folder."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(any(needle in text for text in texts) for needle in needles)


def run_killed(folder: Path, step: RewrapStep, times: int = 1) -> int:
    """Change the key in a process that dies after a step; return its exit code."""
    command = [sys.executable, "-m", "steward_rewrapping", str(folder), step.value, str(times)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, env=environment, timeout=60, check=False).returncode


def change(folder: Path, observer: DieAfter | None = None) -> bool:
    """Change the key of a database and return whether the change has ended."""
    database = Database(folder)
    try:
        keyring = build_changing_keyring()
        database.write_now(keyring.open_root_keys)
        rewrapping = Rewrapping(database, keyring, SystemClock(), wipe, observer)
        rewrapping.run()
        return rewrapping.is_settled
    finally:
        database.close()
