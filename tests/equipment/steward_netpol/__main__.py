"""Enforces NetworkPolicies in the network namespace that it runs in, until it is ended.

python -m steward_netpol enforce --kubeconfig F --pod-range CIDR --status F [--reject]
python -m steward_netpol compile --kubeconfig F    prints the table of this moment
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
from pathlib import Path

from steward_netpol.compiling import Options, compile_table
from steward_netpol.loading import drop_table, enforce
from steward_netpol.watching import Watcher, read_access


def build_parser() -> argparse.ArgumentParser:
    """Answers the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="steward_netpol", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=("enforce", "compile"))
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--pod-range", action="append", default=[], help="range of Pod addresses")
    parser.add_argument("--status", type=Path, help="file that says what is in force")
    parser.add_argument("--reject", action="store_true", help="answer what is refused")
    parser.add_argument("--open-node", action="store_true", help="let Pods reach their own node")
    return parser


def main() -> int:
    """Runs one command and answers its exit code."""
    given = build_parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    options = Options(
        pod_ranges=tuple(given.pod_range),
        is_rejecting=given.reject,
        is_node_open=given.open_node,
    )
    watcher = Watcher(read_access(given.kubeconfig))
    if given.command == "compile":
        watcher.start()
        watcher.wait_complete()
        sys.stdout.write(compile_table(watcher.gather()[0], options))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as stack:
        stack.callback(drop_table, options.table)
        enforce(watcher, options, given.status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
