"""The process that dies: folder, step, and after how many times of it."""

from __future__ import annotations

import sys
from pathlib import Path

from steward_rewrapping import DieAfter, change
from steward_runtime.crypto.rewrapping import RewrapStep

if __name__ == "__main__":
    folder, step, times = sys.argv[1:]
    change(Path(folder), DieAfter(RewrapStep(step), int(times)))
