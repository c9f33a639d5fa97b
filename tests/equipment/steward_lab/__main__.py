"""Command line of the lab.

python -m steward_lab build          builds the control plane into the cache
python -m steward_lab up             starts a control plane and a kubelet, until Ctrl-C
python -m steward_lab up --process   ... whose Pods run as local processes
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from steward_lab.building import build_binaries
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import LabError
from steward_lab.kubelet import Kubelet, Outcome, Rule


def main() -> int:
    """Runs one command and answers its exit code."""
    parser = argparse.ArgumentParser(
        prog="steward_lab", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the control plane into the cache")
    up = commands.add_parser("up", help="start a control plane and a kubelet, until Ctrl-C")
    up.add_argument("--process", action="store_true", help="run Pods as local processes")
    options = parser.parse_args()
    try:
        if options.command == "build":
            sys.stdout.write(f"{build_binaries().directory}\n")
        else:
            serve(is_processes=options.process)
    except LabError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0


def serve(*, is_processes: bool) -> None:
    """Starts everything, says where it is, and stops it when asked."""
    logging.basicConfig(level=logging.WARNING, format="lab: %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    fallback = Rule(Outcome.PROCESS) if is_processes else None
    with ControlPlane() as plane, Kubelet(plane, fallback=fallback) as kubelet:
        sys.stdout.write(
            f"export KUBECONFIG={plane.kubeconfig()}\n"
            f"# kubectl: {plane.plant.binaries.kubectl}\n"
            f"# logs of the control plane: {plane.directory}\n"
            f"# logs of Pods: {kubelet.directory / 'logs'}\n"
            "# Ctrl-C stops it and removes everything.\n"
        )
        sys.stdout.flush()
        stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
