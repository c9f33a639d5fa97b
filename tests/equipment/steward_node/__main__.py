"""Command line of the node.

python -m steward_node check      says what this machine lacks for a node
python -m steward_node build      builds the node's commands into the cache
python -m steward_node up         brings the node up; it stays until `down`
python -m steward_node down       takes the node down; nothing of it is left
python -m steward_node import F   gives the node the images of an archive
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from steward_lab.errors import LabError
from steward_node.binaries import build_node_binaries
from steward_node.layout import gather_place
from steward_node.node import Node
from steward_node.prerequisites import check_prerequisites


def main() -> int:
    """Runs one command and answers its exit code."""
    parser = argparse.ArgumentParser(
        prog="steward_node", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "build", "up", "down"):
        commands.add_parser(name)
    commands.add_parser("import").add_argument("archive", type=Path)
    options = parser.parse_args()
    try:
        run_command(options)
    except LabError as error:
        sys.stderr.write(f"node: {error}\n")
        return 1
    return 0


def run_command(options: argparse.Namespace) -> None:
    """Does what one command says."""
    node = Node(stays=True)
    match options.command:
        case "check":
            check_prerequisites(gather_place())
        case "build":
            binaries = build_node_binaries()
            sys.stdout.write(f"{binaries.directory}\n{binaries.plane.directory}\n")
        case "up":
            node.up()
            sys.stdout.write(f"export KUBECONFIG={node.kubeconfig}\n")
        case "down":
            node.down()
        case _:
            node.attach()
            sys.stdout.write("\n".join(node.import_image(options.archive)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
