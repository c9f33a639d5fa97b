"""Command line of the lab: `python -m steward_lab build`."""

from __future__ import annotations

import argparse
import sys

from steward_lab.building import build_binaries
from steward_lab.errors import LabError


def main() -> int:
    """Runs one command and answers its exit code."""
    parser = argparse.ArgumentParser(prog="steward_lab", description=__doc__)
    parser.add_argument("command", choices=("build",))
    parser.parse_args()
    try:
        binaries = build_binaries()
    except LabError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    sys.stdout.write(f"{binaries.directory}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
