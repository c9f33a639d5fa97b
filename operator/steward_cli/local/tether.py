"""Start a program that dies with its parent: `python -m steward_cli.local.tether PID -- PROGRAM`.

On Linux the kernel kills it when the parent ends, however the parent ends (PR_SET_PDEATHSIG stays
in force across `exec`), so a killed supervisor leaves nothing behind. Elsewhere this process stays
between the two and watches the parent. The runtime is safe to kill at any point by design.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Final, NoReturn

PR_SET_PDEATHSIG: Final = 1
"""Option of prctl(2): the signal that this process gets when its parent ends."""
WATCH_SECONDS: Final = 0.5
"""How often the parent is looked for where the kernel cannot tell."""
USAGE_CODE: Final = 64


def tether(parent: int, command: list[str]) -> NoReturn:
    """Become `command`, tied to the life of process `parent`.

    Raises:
        OSError: if the kernel refuses, or the program cannot be started.
    """
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
        if os.getppid() != parent:
            os._exit(1)
        os.execvp(command[0], command)  # noqa: S606  # the whole point: no shell in between
    _watch(parent, command)


def _watch(parent: int, command: list[str]) -> NoReturn:
    child = subprocess.Popen(command)  # noqa: S603  # a command of the plan, never of a user
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    while child.poll() is None and os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    if child.poll() is None:
        child.kill()
    sys.exit(child.wait())


def main(arguments: list[str]) -> NoReturn:
    """Parse `PID -- PROGRAM ...` and start it."""
    if len(arguments) < 3 or arguments[1] != "--":  # PID, "--", PROGRAM
        sys.exit(USAGE_CODE)
    tether(int(arguments[0]), arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
