"""Drives this example from `steward up` to a verified receipt: `make demo` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from steward_cli.demo.journey import run_demo

if __name__ == "__main__":
    sys.exit(run_demo(Path(__file__).resolve().parent))
