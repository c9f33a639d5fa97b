"""`python -m bench`: every bench, one after the other."""

from __future__ import annotations

import sys

from bench import operators, streams, turns

if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    turns.main()
    streams.main()
    operators.main()
