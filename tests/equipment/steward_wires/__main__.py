"""`python -m steward_wires router|host`: what `asking` starts in network namespaces."""

from __future__ import annotations

import json
import sys

from steward_wires.hosting import serve
from steward_wires.routing import answer


def main() -> None:
    """Play one part."""
    if sys.argv[1:] == ["host"]:
        serve()
    else:
        json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
