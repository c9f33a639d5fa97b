"""Command line of the equipment.

python -m steward_argo health    writes charts/steward/argocd/*.yaml from health.lua and the kinds
"""

from __future__ import annotations

import argparse
import sys

from steward_argo.customizations import write_files


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="steward_argo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("health", help="write the chart's health customizations")
    parser.parse_args()
    write_files()
    return 0


if __name__ == "__main__":
    sys.exit(main())
