"""Child processes of the lab: started through `launching.py`, stopped by their process id.

A child dies when the thread that started it ends, because the kernel's parent-death signal is
tied to the thread: start children from a thread that lives as long as they should.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steward_lab.errors import StartError

LAUNCHER = Path(__file__).with_name("launching.py")
STOP_SECONDS = 10.0
LOG_TAIL_LINES = 30


def build_launch_command(specification: Path) -> tuple[str, ...]:
    """The command line that starts the program which a specification file describes."""
    return (sys.executable, "-I", "-S", str(LAUNCHER), str(specification))


def write_launch_specification(
    path: Path,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
    tree: Mapping[str, Any] | None = None,
    failure: str | None = None,
) -> None:
    """Writes the file that `launching.py` reads; only this user may read it."""
    specification = {
        "parent": os.getpid(),
        "argv": list(argv),
        "environment": environment,
        "directory": directory,
        "tree": tree,
        "failure": failure,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(specification), encoding="utf-8")


class ChildProcess:
    """A long-running program with its output in a log file."""

    def __init__(self, name: str, argv: Sequence[str], directory: Path) -> None:
        """Prepares the program; its log and specification go into `directory`."""
        self.name = name
        self.log_path = directory / f"{name}.log"
        self._argv = tuple(argv)
        self._specification = directory / f"{name}.launch.json"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it was started, else nothing."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts the program in a session of its own, so that Ctrl-C reaches only the lab."""
        write_launch_specification(self._specification, self._argv)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                build_launch_command(self._specification),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check_running(self) -> None:
        """Says why the program ended, if it did.

        Raises:
            StartError: It isn't running; the message ends with its log.
        """
        if self._process is None or self._process.poll() is None:
            return
        raise StartError(
            f"{self.name} ended with code {self._process.returncode}; the end of "
            f"{self.log_path}:\n{self.read_log_tail()}"
        )

    def read_log_tail(self) -> str:
        """The last lines of the log."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])

    def stop(self) -> None:
        """Ends the program: asks first, and kills it when it doesn't listen."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Ends the program at once, as a crash would; `start` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
