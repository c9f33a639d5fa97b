"""The lock of a data folder: one process at a time, freed by its end however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from steward_runtime.errors import StorageBusy
from steward_runtime.storage.folder_lock import acquire_folder_lock

HOLDER = """
import sys
from pathlib import Path
from steward_runtime.storage.folder_lock import acquire_folder_lock
lock = acquire_folder_lock(Path(sys.argv[1]), wait_seconds=0)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_refuses_while_another_process_holds_the_folder(tmp_path: Path) -> None:
    """The error names the folder and the process, and says what to do."""
    with another_process(tmp_path) as holder:
        with pytest.raises(StorageBusy) as caught:
            acquire_folder_lock(tmp_path, wait_seconds=0)
        assert str(tmp_path) in caught.value.message
        assert f"process {holder.pid}" in caught.value.message
        assert "try again" in caught.value.message


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """The kernel frees the lock; nobody has to clean up."""
    with another_process(tmp_path) as holder:
        holder.kill()
        holder.wait(10)
        acquire_folder_lock(tmp_path, wait_seconds=10).release()


def test_waits_for_the_process_before_it(tmp_path: Path) -> None:
    """A process that ends while the next one waits lets it in."""
    with another_process(tmp_path) as holder:
        assert holder.stdin is not None
        asked = 0

        def monotonic_seconds() -> float:
            nonlocal asked
            asked += 1
            if asked == 2:
                holder.communicate("")
            return 0.0

        acquire_folder_lock(tmp_path, wait_seconds=1, monotonic_seconds=monotonic_seconds).release()
        assert asked >= 2


def test_the_same_process_may_lock_again_after_release(tmp_path: Path) -> None:
    """Release is safe to call twice."""
    lock = acquire_folder_lock(tmp_path / "new", wait_seconds=0)
    lock.release()
    lock.release()
    again = acquire_folder_lock(tmp_path / "new", wait_seconds=0)
    with pytest.raises(StorageBusy):
        acquire_folder_lock(tmp_path / "new", wait_seconds=0)
    again.release()
